#include "tests/backends/cluster/engine_python.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "gtest/gtest.h"
#include "tests/testing/eventually.h"

namespace joblib::testing {
namespace {

void UsePython() {
  std::string python;
  if (const char* own = std::getenv("JOBLIB_PYTHON")) python = own;
  if (python.empty()) {
    // Not HOME: Bazel gives tests none.
    const passwd* const user = getpwuid(getuid());
    python = user == nullptr ? "" : user->pw_dir;
    python += "/.cache/joblib-cluster/bin/python";
  }
  if (!std::filesystem::exists(python)) {
    std::fprintf(stderr,
                 "There is no %s with the engines' packages: run "
                 "tools/setup.sh, or set JOBLIB_PYTHON.\n",
                 python.c_str());
    std::exit(1);
  }
  setenv("JOBLIB_PYTHON", python.c_str(), 0);
}

}  // namespace

EngineHome::EngineHome() {
  UsePython();
  setenv("TMPDIR", ::testing::TempDir().c_str(), 1);
  char folder[] = "/tmp/joblib-ray-XXXXXX";
  if (std::getenv("RAY_TMPDIR") == nullptr && mkdtemp(folder) != nullptr) {
    ray_folder_ = folder;
    setenv("RAY_TMPDIR", folder, 1);
  }
}

EngineHome::~EngineHome() {
  if (ray_folder_.empty()) return;
  // Processes that are about to end may write there still.
  Eventually([this] {
    std::error_code error;
    std::filesystem::remove_all(ray_folder_, error);
    return !std::filesystem::exists(ray_folder_);
  });
}

}  // namespace joblib::testing
