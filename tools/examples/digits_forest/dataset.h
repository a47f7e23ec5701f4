// Dataset: labelled rows of small whole numbers, what a forest learns from.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_DATASET_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace forest {

// A value. Valid, as Fit and Predict require it: `features` has n_features
// numbers below n_values for each label, and every label is below n_classes.
struct Dataset {
  int n_features = 0;                       // 1 .. 65535
  int n_values = 0;                         // 1 .. 256
  int n_classes = 0;                        // 1 .. 256
  std::vector<std::uint8_t> features = {};  // Row after row.
  std::vector<std::uint8_t> labels = {};    // One for each row.

  // How it travels to another process.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(n_features, n_values, n_classes, features, labels);
  }
  int n_rows() const { return static_cast<int>(labels.size()); }
  const std::uint8_t* row(std::size_t i) const {
    return features.data() + i * static_cast<std::size_t>(n_features);
  }
};

}  // namespace forest

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_DATASET_H_
