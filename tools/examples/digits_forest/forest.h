// A random forest classifier: many trees, each grown on a sample of its own,
// and a majority vote.
//
//   forest::Forest grown = forest::Fit(train, {.n_trees = 200});
//   std::vector<std::uint8_t> labels = forest::Predict(grown, test);
//
// Both work in parallel. How (on what, with how many workers) is the business
// of the program that calls them and stands nowhere in this interface; the
// forest is the same, bit for bit, whatever it chooses.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_FOREST_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_FOREST_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/examples/digits_forest/dataset.h"
#include "tools/examples/digits_forest/tree.h"

namespace forest {

struct Params {
  int n_trees = 100;
  TreeParams tree = {};
  // Without a tree whose growth failed, instead of failing as a whole.
  bool collect = false;
  // The growth of this tree crashes (SIGSEGV), to show what that costs: where
  // trees grow in processes of their own one of these, else the program.
  int crash_tree = -1;
};

// Who grew a tree, and when.
struct Growth {
  int index = 0;   // Of the tree.
  int worker = 0;  // 0 .. number of workers - 1
  std::chrono::steady_clock::time_point begin = {};
  std::chrono::steady_clock::time_point end = {};

  template <class Archive>
  void serialize(Archive& archive) {
    archive(index, worker, begin, end);
  }
};

struct Forest {
  int n_features = 0;
  int n_values = 0;
  int n_classes = 0;
  std::vector<Tree> trees;
  std::vector<Growth> growths;        // One for each tree, in the same order.
  std::vector<std::string> failures;  // Why trees are missing.

  // Of what Predict needs.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(n_features, n_values, n_classes, trees);
  }
};

// Told after each tree how many there are by now and will be.
using OnTree = std::function<void(int done, int total)>;

// Throws std::invalid_argument for data or parameters that make no forest.
// `on_tree` is called on the calling thread; what it throws ends the call.
Forest Fit(const Dataset& data, const Params& params,
           const OnTree& on_tree = nullptr);

// The label that most trees give to each row; the lowest of equals. `data` has
// the forest's features, values and classes, else std::invalid_argument; its
// labels are not looked at.
std::vector<std::uint8_t> Predict(const Forest& forest, const Dataset& data);

// A hash (64-bit FNV-1a) of the trees, not of their growth.
std::uint64_t Digest(const Forest& forest);

}  // namespace forest

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_FOREST_H_
