// Tree: one decision tree, grown on a random sample of a Dataset.
//
// Whole numbers decide everything, in a fixed order, so that a tree is the same
// bit for bit on every machine.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_TREE_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_TREE_H_

#include <cstdint>
#include <vector>

#include "tools/examples/digits_forest/dataset.h"

namespace forest {

// The largest sample for which the comparison of splits fits into 64 bits.
inline constexpr int kMaxRows = (1 << 17) - 1;

struct TreeParams {
  int max_features = 0;  // Tried at each split; 0: the square root of all.
  std::uint64_t seed = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(max_features, seed);
  }
};

struct Node {
  std::uint32_t children = 0;  // Index of the left one, the right one follows
                               // it; 0: a leaf.
  std::uint16_t feature = 0;   // Rows with feature <= threshold go left.
  std::uint8_t threshold = 0;
  std::uint8_t label = 0;  // Of most rows here; the lowest of equals.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(children, feature, threshold, label);
  }
};

struct Tree {
  std::vector<Node> nodes;  // The root first.

  template <class Archive>
  void serialize(Archive& archive) {
    archive(nodes);
  }

  std::uint8_t Predict(const std::uint8_t* row) const;
};

// Grows tree number `index`, until each leaf is pure or its rows are equal, on
// as many rows as `data` has, drawn with replacement. Requires a valid dataset
// of 1 to kMaxRows rows; any thread may call it.
Tree BuildTree(const Dataset& data, const TreeParams& params, int index);

}  // namespace forest

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_TREE_H_
