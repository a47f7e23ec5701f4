// What the forest benchmarks grow: as many trees as one thread needs more than
// 3 s for, a few milliseconds each.
#ifndef TESTS_BENCHMARKS_FOREST_INPUT_H_
#define TESTS_BENCHMARKS_FOREST_INPUT_H_

#include "tools/examples/digits_forest/dataset.h"
#include "tools/examples/digits_forest/digits.h"

namespace joblib::benchmarks {

inline constexpr int kTrees = 9000;

inline forest::Dataset TrainingDigits() {
  return digits::HoldOutQuarter(*digits::ParseCsv(digits::EmbeddedCsv())).train;
}

}  // namespace joblib::benchmarks

#endif  // TESTS_BENCHMARKS_FOREST_INPUT_H_
