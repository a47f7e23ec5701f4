#include "tests/backends/cluster/engine_python.h"

#include <fcntl.h>
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
  if (std::getenv("RAY_TMPDIR") != nullptr) return;  // Of who started this.
  ray_folder_ = ::testing::TempDir() + "/ray-XXXXXX";
  descriptor_ = mkdtemp(ray_folder_.data()) == nullptr
                    ? -1
                    : open(ray_folder_.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string short_name = "/proc/" + std::to_string(getpid()) + "/fd/" +
                                 std::to_string(descriptor_);
  setenv("RAY_TMPDIR", short_name.c_str(), 1);
}

EngineHome::~EngineHome() {
  if (descriptor_ < 0) return;
  // Processes that are about to end may write there still.
  Eventually([this] {
    std::error_code error;
    std::filesystem::remove_all(ray_folder_, error);
    return !std::filesystem::exists(ray_folder_);
  });
  close(descriptor_);
}

}  // namespace joblib::testing
