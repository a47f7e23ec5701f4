// The handwritten digits (data/README.md), which the program carries with it:
// no file is read where it runs.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_DIGITS_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_DIGITS_H_

#include <string_view>

#include "absl/status/statusor.h"
#include "tools/examples/digits_forest/dataset.h"

namespace digits {

// All images, as text: 64 pixels and the digit, with commas, one image a line.
std::string_view EmbeddedCsv();

// Reads such text. INVALID_ARGUMENT, with line and column, for anything else.
absl::StatusOr<forest::Dataset> ParseCsv(std::string_view csv);

struct Split {
  forest::Dataset train;
  forest::Dataset held_out;
};

// Holds out a quarter of the images, always the same ones, drawn at random:
// neighbours in the file are of one writer, and its digits come in a pattern.
Split HoldOutQuarter(const forest::Dataset& all);

}  // namespace digits

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_DIGITS_H_
