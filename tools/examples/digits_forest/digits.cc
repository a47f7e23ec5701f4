#include "tools/examples/digits_forest/digits.h"

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tools/examples/digits_forest/random.h"

namespace digits {
namespace {

constexpr int kPixels = 64;
constexpr int kGreys = 17;
constexpr int kDigits = 10;

forest::Dataset Empty() {
  return {.n_features = kPixels,
          .n_values = kGreys,
          .n_classes = kDigits,
          .features = {},
          .labels = {}};
}

// `line` counts from 1.
absl::Status ParseLine(absl::string_view text, int line,
                       forest::Dataset& result) {
  const std::vector<absl::string_view> cells = absl::StrSplit(text, ',');
  if (cells.size() != kPixels + 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("digits: line ", line, " has ", cells.size(),
                     " columns instead of ", kPixels + 1));
  }
  for (int column = 0; column <= kPixels; ++column) {
    const bool is_label = column == kPixels;
    const int limit = is_label ? kDigits : kGreys;
    const absl::string_view cell = cells[static_cast<std::size_t>(column)];
    int value = 0;
    if (!absl::SimpleAtoi(cell, &value) || value < 0 || value >= limit) {
      return absl::InvalidArgumentError(
          absl::StrCat("digits: line ", line, ", column ", column + 1, ": '",
                       cell.substr(0, 20), "' is not in 0 .. ", limit - 1));
    }
    (is_label ? result.labels : result.features)
        .push_back(static_cast<std::uint8_t>(value));
  }
  return absl::OkStatus();
}

void Copy(const forest::Dataset& all, std::size_t row, forest::Dataset& part) {
  part.features.insert(part.features.end(), all.row(row),
                       all.row(row) + all.n_features);
  part.labels.push_back(all.labels[row]);
}

}  // namespace

absl::StatusOr<forest::Dataset> ParseCsv(std::string_view csv) {
  forest::Dataset result = Empty();
  int line = 0;
  for (absl::string_view text : absl::StrSplit(csv, '\n')) {
    ++line;
    const bool ends_file =
        text.empty() && text.data() == csv.data() + csv.size();
    if (ends_file) break;
    if (absl::Status status = ParseLine(text, line, result); !status.ok()) {
      return status;
    }
  }
  if (result.labels.empty()) {
    return absl::InvalidArgumentError("digits: there is no image in the text");
  }
  return result;
}

Split HoldOutQuarter(const forest::Dataset& all) {
  std::vector<std::size_t> order(all.labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  forest::Random random(/*seed=*/1797, /*stream=*/0);
  for (std::size_t n = order.size(); n > 1; --n) {
    std::swap(order[n - 1], order[random.Below(static_cast<std::uint32_t>(n))]);
  }
  Split split = {.train = Empty(), .held_out = Empty()};
  const std::size_t n_held_out = order.size() / 4;
  for (std::size_t i = 0; i < order.size(); ++i) {
    Copy(all, order[i], i < n_held_out ? split.held_out : split.train);
  }
  return split;
}

}  // namespace digits
