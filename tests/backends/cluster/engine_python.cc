#include "tests/backends/cluster/engine_python.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace joblib::testing {

void UseEnginePython() {
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

}  // namespace joblib::testing
