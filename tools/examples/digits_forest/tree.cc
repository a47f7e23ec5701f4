#include "tools/examples/digits_forest/tree.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "tools/examples/digits_forest/random.h"

namespace forest {
namespace {

// How pure the two sides of a split are: for each side the sum of its squared
// class counts over its size. The larger, the lower the Gini impurity.
//
// An exact fraction, since doubles would depend on the order of additions and
// on fused multiplications. Of n rows the numerator is at most n^3 / 4 and the
// denominator n^2 / 4, hence kMaxRows.
struct Purity {
  std::uint64_t numerator = 0;
  std::uint64_t denominator = 1;
};

bool operator<(const Purity& a, const Purity& b) {
  const std::uint64_t a_whole = a.numerator / a.denominator;
  const std::uint64_t b_whole = b.numerator / b.denominator;
  if (a_whole != b_whole) return a_whole < b_whole;
  const std::uint64_t a_rest = a.numerator % a.denominator;
  const std::uint64_t b_rest = b.numerator % b.denominator;
  return a_rest * b.denominator < b_rest * a.denominator;
}

struct Split {
  Purity purity;  // Of no real split: 0.
  std::uint16_t feature = 0;
  std::uint8_t threshold = 0;

  bool found() const { return purity.numerator > 0; }
};

int SquareRoot(int n) {
  int root = 1;
  while ((root + 1) * (root + 1) <= n) ++root;
  return root;
}

class Grower {
 public:
  Grower(const Dataset& data, const TreeParams& params, int index);
  Tree Grow();

 private:
  // The rows of `sample_` from begin to end, which meet at one node.
  struct Group {
    std::uint32_t node = 0;
    std::uint32_t begin = 0;
    std::uint32_t end = 0;

    std::uint32_t size() const { return end - begin; }
  };

  // Both read class_counts_ and so belong to the group counted last.
  void CountClasses(const Group& group);
  std::uint8_t MostFrequentClass() const;
  bool IsPure(const Group& group) const;
  Split BestSplit(const Group& group);

  void TryFeature(const Group& group, std::uint16_t feature, Split& best);
  std::pair<Group, Group> Divide(const Group& group, const Split& split);

  const Dataset& data_;
  const std::uint32_t n_classes_;
  const std::uint32_t max_features_;
  Random random_;
  Tree tree_;
  std::vector<std::uint32_t> sample_;    // Row numbers.
  std::vector<std::uint16_t> features_;  // All, in the order last drawn.
  std::vector<std::uint32_t> class_counts_;
  // Scratch of TryFeature: rows by value and class; the classes on the left.
  std::vector<std::uint32_t> histogram_;
  std::vector<std::uint32_t> left_counts_;
};

Grower::Grower(const Dataset& data, const TreeParams& params, int index)
    : data_(data),
      n_classes_(static_cast<std::uint32_t>(data.n_classes)),
      max_features_(static_cast<std::uint32_t>(
          params.max_features > 0
              ? std::min(params.max_features, data.n_features)
              : SquareRoot(data.n_features))),
      random_(params.seed, static_cast<std::uint64_t>(index)),
      sample_(data.labels.size()),
      features_(static_cast<std::size_t>(data.n_features)),
      class_counts_(n_classes_),
      histogram_(static_cast<std::size_t>(data.n_values) * n_classes_),
      left_counts_(n_classes_) {
  const auto n_rows = static_cast<std::uint32_t>(data.n_rows());
  for (std::uint32_t& row : sample_) row = random_.Below(n_rows);
  std::iota(features_.begin(), features_.end(), std::uint16_t{0});
}

Tree Grower::Grow() {
  tree_.nodes.emplace_back();
  std::vector<Group> pending = {
      {.node = 0,
       .begin = 0,
       .end = static_cast<std::uint32_t>(sample_.size())}};
  while (!pending.empty()) {
    const Group group = pending.back();
    pending.pop_back();
    CountClasses(group);
    tree_.nodes[group.node].label = MostFrequentClass();
    if (IsPure(group)) continue;
    const Split split = BestSplit(group);
    if (!split.found()) continue;
    auto [left, right] = Divide(group, split);
    Node& node = tree_.nodes[group.node];
    node.feature = split.feature;
    node.threshold = split.threshold;
    node.children = static_cast<std::uint32_t>(tree_.nodes.size());
    left.node = node.children;
    right.node = node.children + 1;
    tree_.nodes.resize(tree_.nodes.size() + 2);  // `node` dangles from here on.
    pending.push_back(right);
    pending.push_back(left);
  }
  return std::move(tree_);
}

void Grower::CountClasses(const Group& group) {
  std::fill(class_counts_.begin(), class_counts_.end(), 0u);
  for (std::uint32_t i = group.begin; i < group.end; ++i) {
    ++class_counts_[data_.labels[sample_[i]]];
  }
}

std::uint8_t Grower::MostFrequentClass() const {
  const auto most =
      std::max_element(class_counts_.begin(), class_counts_.end());
  return static_cast<std::uint8_t>(most - class_counts_.begin());
}

bool Grower::IsPure(const Group& group) const {
  return class_counts_[MostFrequentClass()] == group.size();
}

// Of max_features_ random features, or of more until one can divide the rows.
Split Grower::BestSplit(const Group& group) {
  Split best;
  const auto n_features = static_cast<std::uint32_t>(features_.size());
  for (std::uint32_t tried = 0; tried < n_features; ++tried) {
    if (tried >= max_features_ && best.found()) break;
    const std::uint32_t drawn = tried + random_.Below(n_features - tried);
    std::swap(features_[tried], features_[drawn]);
    TryFeature(group, features_[tried], best);
  }
  return best;
}

// Moves the rows from right to left, value by value, and looks at the split
// before each value that occurs.
void Grower::TryFeature(const Group& group, std::uint16_t feature,
                        Split& best) {
  std::fill(histogram_.begin(), histogram_.end(), 0u);
  for (std::uint32_t i = group.begin; i < group.end; ++i) {
    const std::uint32_t row = sample_[i];
    ++histogram_[data_.row(row)[feature] * n_classes_ + data_.labels[row]];
  }

  std::fill(left_counts_.begin(), left_counts_.end(), 0u);
  std::uint64_t left_size = 0, left_squares = 0;
  std::uint64_t right_size = group.size(), right_squares = 0;
  for (const std::uint64_t count : class_counts_) {
    right_squares += count * count;
  }
  int last_value = 0;  // The highest one on the left.
  for (int value = 0; right_size > 0; ++value) {
    const std::uint32_t* moving =
        &histogram_[static_cast<std::size_t>(value) * n_classes_];
    const std::uint64_t n_moving =
        std::accumulate(moving, moving + n_classes_, std::uint64_t{0});
    if (n_moving == 0) continue;

    if (left_size > 0) {
      const Purity purity = {
          .numerator = left_squares * right_size + right_squares * left_size,
          .denominator = left_size * right_size};
      if (best.purity < purity) {
        best = {
            .purity = purity,
            .feature = feature,
            .threshold = static_cast<std::uint8_t>((last_value + value) / 2)};
      }
    }

    for (std::uint32_t c = 0; c < n_classes_; ++c) {
      const std::uint64_t moved = moving[c];
      const std::uint64_t left = left_counts_[c];
      const std::uint64_t right = class_counts_[c] - left;
      left_squares += moved * (2 * left + moved);
      right_squares -= moved * (2 * right - moved);
      left_counts_[c] += moving[c];
    }
    left_size += n_moving;
    right_size -= n_moving;
    last_value = value;
  }
}

// The order within each side is the library's; no result depends on it.
std::pair<Grower::Group, Grower::Group> Grower::Divide(const Group& group,
                                                       const Split& split) {
  const auto first = sample_.begin() + group.begin;
  const auto middle = std::partition(
      first, sample_.begin() + group.end, [&](std::uint32_t row) {
        return data_.row(row)[split.feature] <= split.threshold;
      });
  const auto cut = static_cast<std::uint32_t>(middle - sample_.begin());
  return {{.begin = group.begin, .end = cut}, {.begin = cut, .end = group.end}};
}

}  // namespace

Tree BuildTree(const Dataset& data, const TreeParams& params, int index) {
  return Grower(data, params, index).Grow();
}

std::uint8_t Tree::Predict(const std::uint8_t* row) const {
  const Node* node = nodes.data();
  while (node->children != 0) {
    const bool goes_right = row[node->feature] > node->threshold;
    node = &nodes[node->children + (goes_right ? 1u : 0u)];
  }
  return node->label;
}

}  // namespace forest
