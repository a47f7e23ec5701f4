#include "tools/examples/digits_forest/forest.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "joblib/joblib.h"

namespace forest {
namespace {

// A fraction of a millisecond's work with some hundred trees.
constexpr int kRowsPerTask = 64;

struct GrownTree {
  Tree tree;
  Growth growth;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(tree, growth);
  }
};

// The two tasks. Free functions whose arguments can travel, so that they can
// run in another process, too; what all tasks need travels there once.
GrownTree GrowTree(const joblib::Shared<Dataset>& shared,
                   const TreeParams& params, int index, bool crash) {
  const Dataset& data = *shared;
  if (crash) std::raise(SIGSEGV);
  const auto begin = std::chrono::steady_clock::now();
  Tree tree = BuildTree(data, params, index);
  return {.tree = std::move(tree),
          .growth = {.index = index,
                     .worker = joblib::worker_index(),
                     .begin = begin,
                     .end = std::chrono::steady_clock::now()}};
}

std::vector<std::uint8_t> PredictRows(
    const joblib::Shared<Forest>& shared_forest,
    const joblib::Shared<Dataset>& shared_data, int begin, int end) {
  const Forest& forest = *shared_forest;
  const Dataset& data = *shared_data;
  std::vector<std::uint8_t> labels;
  std::vector<int> votes(static_cast<std::size_t>(forest.n_classes));
  for (int i = begin; i < end; ++i) {
    const std::uint8_t* row = data.row(static_cast<std::size_t>(i));
    std::fill(votes.begin(), votes.end(), 0);
    for (const Tree& tree : forest.trees) ++votes[tree.Predict(row)];
    const auto most = std::max_element(votes.begin(), votes.end());
    labels.push_back(static_cast<std::uint8_t>(most - votes.begin()));
  }
  return labels;
}

void RequireAtMost(std::int64_t value, std::int64_t limit, const char* name) {
  if (value < 1 || value > limit) {
    throw std::invalid_argument(
        absl::StrCat("forest: ", name, " is ", value, ", not in 1 .. ", limit));
  }
}

void RequireValid(const Dataset& data) {
  RequireAtMost(data.n_features, 65535, "n_features");
  RequireAtMost(data.n_values, 256, "n_values");
  RequireAtMost(data.n_classes, 256, "n_classes");
  const std::size_t n_wanted =
      data.labels.size() * static_cast<std::size_t>(data.n_features);
  if (data.features.size() != n_wanted) {
    throw std::invalid_argument(
        absl::StrCat("forest: ", data.features.size(), " features for ",
                     data.labels.size(), " labels, instead of ", n_wanted));
  }
  const auto too_large = [](int n) { return [n](int x) { return x >= n; }; };
  if (std::any_of(data.features.begin(), data.features.end(),
                  too_large(data.n_values)) ||
      std::any_of(data.labels.begin(), data.labels.end(),
                  too_large(data.n_classes))) {
    throw std::invalid_argument(absl::StrCat(
        "forest: a feature is not below n_values (", data.n_values,
        ") or a label not below n_classes (", data.n_classes, ")"));
  }
}

}  // namespace

Forest Fit(const Dataset& data, const Params& params, const OnTree& on_tree) {
  RequireValid(data);
  RequireAtMost(static_cast<std::int64_t>(data.labels.size()), kMaxRows,
                "the number of rows");
  RequireAtMost(params.n_trees, 1'000'000, "n_trees");

  Forest forest = {.n_features = data.n_features,
                   .n_values = data.n_values,
                   .n_classes = data.n_classes,
                   .trees = std::vector<Tree>(params.n_trees),
                   .growths = std::vector<Growth>(params.n_trees),
                   .failures = {}};
  const auto plant = [&forest](GrownTree& grown) {
    const auto i = static_cast<std::size_t>(grown.growth.index);
    forest.trees[i] = std::move(grown.tree);
    forest.growths[i] = grown.growth;
  };
  const joblib::Shared<Dataset> shared(data);
  auto tasks = joblib::each(joblib::range(params.n_trees), [&](int index) {
    return joblib::delayed(GrowTree)(shared, params.tree, index,
                                     index == params.crash_tree);
  });

  if (params.collect) {
    forest.trees.clear();
    forest.growths.clear();
    for (auto& outcome : joblib::Parallel().collect(tasks)) {
      if (!outcome.has_value()) {
        forest.failures.push_back(outcome.message());
        continue;
      }
      forest.trees.push_back(std::move(outcome.value().tree));
      forest.growths.push_back(outcome.value().growth);
    }
    return forest;
  }
  if (!on_tree) {
    for (GrownTree& grown : joblib::Parallel()(tasks)) plant(grown);
    return forest;
  }
  // A generator brings each tree to this thread as soon as it is grown, in
  // whatever process that was: tasks could not count themselves there.
  int done = 0;
  for (GrownTree& grown : joblib::Parallel().generator_unordered(tasks)) {
    plant(grown);
    on_tree(++done, params.n_trees);
  }
  return forest;
}

std::vector<std::uint8_t> Predict(const Forest& forest, const Dataset& data) {
  RequireValid(data);
  if (data.n_features != forest.n_features ||
      data.n_values != forest.n_values || data.n_classes != forest.n_classes) {
    throw std::invalid_argument(absl::StrCat(
        "forest: data of ", data.n_features, " features, ", data.n_values,
        " values and ", data.n_classes, " classes for a forest of ",
        forest.n_features, ", ", forest.n_values, " and ", forest.n_classes));
  }
  const auto n_tasks = (data.n_rows() + kRowsPerTask - 1) / kRowsPerTask;
  const joblib::Shared<Forest> shared_forest(forest);
  const joblib::Shared<Dataset> shared_data(data);
  std::vector<std::uint8_t> labels;
  labels.reserve(data.labels.size());
  for (const std::vector<std::uint8_t>& part :
       joblib::Parallel()(joblib::each(joblib::range(n_tasks), [&](int task) {
         const int begin = task * kRowsPerTask;
         const int end = std::min(begin + kRowsPerTask, data.n_rows());
         return joblib::delayed(PredictRows)(shared_forest, shared_data, begin,
                                             end);
       }))) {
    labels.insert(labels.end(), part.begin(), part.end());
  }
  return labels;
}

std::uint64_t Digest(const Forest& forest) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::uint32_t number) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((number >> shift) & 0xff)) * 0x100000001b3;
    }
  };
  for (const Tree& tree : forest.trees) {
    add(static_cast<std::uint32_t>(tree.nodes.size()));
    for (const Node& node : tree.nodes) {
      add(node.children);
      add(node.feature);
      add(node.threshold);
      add(node.label);
    }
  }
  return hash;
}

}  // namespace forest
