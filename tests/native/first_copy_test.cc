// Tables of one name in the program and in plugins that hide theirs.
#include "native/first_copy.h"

#include <dlfcn.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

extern "C" {
__attribute__((visibility("hidden"))) extern const int first_copy_test_table;
__attribute__((used)) const int first_copy_test_table = 1;
__attribute__((visibility("hidden"))) extern const int first_copy_test_other;
__attribute__((used)) const int first_copy_test_other = 1;
}
// The alignment of what stands before it is not to matter.
JOBLIB_COPY_NOTE("joblib.first_copy_test.of_odd_length",
                 "first_copy_test_other", "12")
JOBLIB_COPY_NOTE("joblib.first_copy_test", "first_copy_test_table", "1.2.3")

namespace joblib::native {
namespace {

using ::testing::HasSubstr;

using InThePlugin = const char* (*)(const void** found);

InThePlugin Load(const std::string& name) {
  const std::string path = "tests/native/" + name;
  void* const plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(plugin, nullptr) << dlerror();
  return reinterpret_cast<InThePlugin>(dlsym(plugin, "FirstCopyInThePlugin"));
}

TEST(FirstCopyTest, OneCopyIsTheFirst) {
  const auto first =
      FirstCopy("joblib.first_copy_test", &first_copy_test_table, "1.2.3");
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(*first, &first_copy_test_table);
  EXPECT_EQ(*FirstCopy("joblib.first_copy_test.of_odd_length",
                       &first_copy_test_other, "12"),
            &first_copy_test_other);
}

TEST(FirstCopyTest, WithoutANoteEachIsItsOwn) {
  const int own = 0;
  EXPECT_EQ(*FirstCopy("joblib.first", &own, "1"), &own);
}

TEST(FirstCopyTest, APluginFindsTheProgramsThoughAllIsHidden) {
  const InThePlugin in_the_plugin = Load("first_copy_plugin.so");
  const void* found = nullptr;
  EXPECT_STREQ(in_the_plugin(&found), "");
  EXPECT_EQ(found, &first_copy_test_table);
}

TEST(FirstCopyTest, AnotherVersionIsRefusedWithWords) {
  const InThePlugin in_the_plugin = Load("first_copy_newer_plugin.so");
  const void* found = nullptr;
  const std::string error = in_the_plugin(&found);
  EXPECT_EQ(found, nullptr);
  EXPECT_THAT(error, HasSubstr("two versions of joblib"));
  EXPECT_THAT(error, HasSubstr("1.2.3 in "));
  EXPECT_THAT(error, HasSubstr("first_copy_test"));
  EXPECT_THAT(error, HasSubstr("1.2.4 in "));
  EXPECT_THAT(error, HasSubstr("first_copy_newer_plugin.so"));
}

}  // namespace
}  // namespace joblib::native
