// FixtureTree: a folder that a test fills to look like a Linux root.
//
//   FixtureTree tree;
//   tree.Write("sys/fs/cgroup/cpu.max", "150000 100000\n");
//   EXPECT_EQ(ReadCgroupCpuLimit(tree.root()), 2);
//
// Removed with the object.
#ifndef JOBLIB_TESTS_NATIVE_FIXTURE_TREE_H_
#define JOBLIB_TESTS_NATIVE_FIXTURE_TREE_H_

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"

namespace joblib::native {

class FixtureTree {
 public:
  FixtureTree() {
    static int n_trees = 0;
    const testing::TestInfo* const test =
        testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::path(testing::TempDir()) /
            (std::string(test->name()) + std::to_string(++n_trees));
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  FixtureTree(const FixtureTree&) = delete;
  FixtureTree& operator=(const FixtureTree&) = delete;
  ~FixtureTree() { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string root() const { return root_.string(); }

 private:
  std::filesystem::path root_;
};

}  // namespace joblib::native

#endif  // JOBLIB_TESTS_NATIVE_FIXTURE_TREE_H_
