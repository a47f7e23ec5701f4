// Files for tests of arrays.
#ifndef TESTS_ARRAY_NPY_FILES_H_
#define TESTS_ARRAY_NPY_FILES_H_

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "gtest/gtest.h"

namespace joblib::testing {

inline void WriteFile(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);  // Faster than to empty it.
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Paths in a folder of this test's own.
class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    const auto* const info =
        ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "/array_" + info->test_suite_name() + "_" +
              info->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const {
    return folder_ + "/" + name;
  }

 private:
  std::string folder_;
};

}  // namespace joblib::testing

#endif  // TESTS_ARRAY_NPY_FILES_H_
