// The forest of tools/examples/digits_forest, as the page's module.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "joblib/joblib.h"
#include "tools/examples/digits_forest/dataset.h"
#include "tools/examples/digits_forest/digits.h"
#include "tools/examples/digits_forest/forest.h"
#include "wasm/bindings/module.h"

namespace {

using Clock = std::chrono::steady_clock;

double Milliseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Read once. Only one call runs at a time.
const digits::Split& Digits() {
  static const auto* const split = [] {
    const absl::StatusOr<forest::Dataset> all =
        digits::ParseCsv(digits::EmbeddedCsv());
    if (!all.ok()) throw std::runtime_error(all.status().ToString());
    return new digits::Split(digits::HoldOutQuarter(*all));
  }();
  return *split;
}

// The last one grown, which reads what is drawn.
forest::Forest& LastForest() {
  static auto* const last = new forest::Forest;
  return *last;
}

struct TrainOptions {
  int trees = 100;

  template <class Field>
  void fields(Field& field) {
    field("trees", trees);
  }
};

struct Trained {
  double milliseconds = 0;
  int n_train = 0;
  int n_held_out = 0;
  int n_right = 0;  // Of those held out.
  int n_nodes = 0;
  std::string digest;
  // For each tree: who grew it, and when, in milliseconds from the first.
  std::vector<std::int32_t> worker;
  std::vector<double> begin;
  std::vector<double> end;

  template <class Field>
  void fields(Field& field) {
    field("milliseconds", milliseconds);
    field("nTrain", n_train);
    field("nHeldOut", n_held_out);
    field("nRight", n_right);
    field("nNodes", n_nodes);
    field("digest", digest);
    field("worker", worker);
    field("begin", begin);
    field("end", end);
  }
};

void TakeGrowths(const std::vector<forest::Growth>& growths, Trained& trained) {
  const Clock::time_point first =
      std::min_element(growths.begin(), growths.end(),
                       [](const forest::Growth& a, const forest::Growth& b) {
                         return a.begin < b.begin;
                       })
          ->begin;
  for (const forest::Growth& growth : growths) {
    trained.worker.push_back(growth.worker);
    trained.begin.push_back(Milliseconds(growth.begin - first));
    trained.end.push_back(Milliseconds(growth.end - first));
  }
}

Trained Train(const TrainOptions& options) {
  const auto& [train, held_out] = Digits();
  const joblib::ProgressCallback progress = joblib::wasm::progress();
  const Clock::time_point begin = Clock::now();
  forest::Forest grown = forest::Fit(train, {.n_trees = options.trees},
                                     [&progress](int done, int total) {
                                       progress({.done = done, .total = total});
                                     });
  Trained trained;
  trained.milliseconds = Milliseconds(Clock::now() - begin);
  trained.n_train = train.n_rows();
  trained.n_held_out = held_out.n_rows();
  const std::vector<std::uint8_t> labels = forest::Predict(grown, held_out);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == held_out.labels[i]) ++trained.n_right;
  }
  for (const forest::Tree& tree : grown.trees) {
    trained.n_nodes += static_cast<int>(tree.nodes.size());
  }
  trained.digest =
      absl::StrCat(absl::Hex(forest::Digest(grown), absl::PadSpec::kZeroPad16));
  TakeGrowths(grown.growths, trained);
  LastForest() = std::move(grown);
  return trained;
}

// How many trees vote for each digit. `pixels`: 8 x 8, 0 to 16 each.
std::vector<std::int32_t> Votes(const std::vector<std::uint8_t>& pixels) {
  const forest::Forest& forest = LastForest();
  if (forest.trees.empty()) throw std::logic_error("no forest has grown yet");
  if (pixels.size() != static_cast<std::size_t>(forest.n_features)) {
    throw std::invalid_argument(absl::StrCat("pixels has ", pixels.size(),
                                             " values instead of ",
                                             forest.n_features));
  }
  std::vector<std::int32_t> votes(static_cast<std::size_t>(forest.n_classes));
  for (const forest::Tree& tree : forest.trees) {
    ++votes[tree.Predict(pixels.data())];
  }
  return votes;
}

struct Example {
  int label = 0;
  std::vector<std::uint8_t> pixels;

  template <class Field>
  void fields(Field& field) {
    field("label", label);
    field("pixels", pixels);
  }
};

// A digit that the forest has not seen; `index` from 0, round and round.
Example HeldOut(std::uint32_t index) {
  const forest::Dataset& held_out = Digits().held_out;
  const std::size_t row = index % held_out.labels.size();
  const std::uint8_t* const pixels = held_out.row(row);
  return {.label = held_out.labels[row],
          .pixels = {pixels, pixels + held_out.n_features}};
}

}  // namespace

EMSCRIPTEN_BINDINGS(digits) {
  joblib::wasm::function("train", &Train);
  joblib::wasm::function("votes", &Votes);
  joblib::wasm::function("heldOut", &HeldOut);
}
