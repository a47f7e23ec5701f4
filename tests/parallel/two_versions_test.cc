// A library with joblib, in a process where another one has brought another
// version of it before.
#include <dlfcn.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "native/first_copy.h"

extern "C" {
__attribute__((visibility("hidden"))) extern const int joblib_copy_of_former;
__attribute__((used)) const int joblib_copy_of_former = 0;
}
// As that version would tell of itself.
JOBLIB_COPY_NOTE("joblib.thread_state", "joblib_copy_of_former", "0.0.9")
JOBLIB_COPY_NOTE("joblib.backends", "joblib_copy_of_former", "0.0.9")

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TwoVersionsTest, AreRefusedWithWords) {
  void* const plugin =
      dlopen("tests/parallel/copies_plugin.so", RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << dlerror();
  const auto uses = reinterpret_cast<const char* (*)(const char*)>(
      dlsym(plugin, "PluginUses"));
  for (const char* backend : {"threading", "loky"}) {
    EXPECT_THAT(uses(backend),
                AllOf(HasSubstr("two versions of joblib"), HasSubstr("0.0.9"),
                      HasSubstr("copies_plugin.so")));
  }
}

}  // namespace
