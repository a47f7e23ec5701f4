#include <dlfcn.h>

#include <string>

#include "gtest/gtest.h"

namespace joblib::native {
namespace {

bool IsLoaded(const std::string& path) {
  void* const handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  if (handle != nullptr) dlclose(handle);
  return handle != nullptr;
}

TEST(PinThisModuleTest, APinnedPluginSurvivesDlclose) {
  const std::string path = "./tests/native/pin_module_plugin.so";
  void* plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << dlerror();
  dlclose(plugin);
  ASSERT_FALSE(IsLoaded(path)) << "it stays anyhow: the test shows nothing";

  plugin = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(plugin, nullptr) << dlerror();
  const auto pin = reinterpret_cast<void (*)()>(dlsym(plugin, "PinThePlugin"));
  ASSERT_NE(pin, nullptr);
  pin();
  dlclose(plugin);
  EXPECT_TRUE(IsLoaded(path));
}

}  // namespace
}  // namespace joblib::native
