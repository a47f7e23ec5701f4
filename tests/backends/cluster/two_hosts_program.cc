// A program, not a test: on the Dask of DASK_SCHEDULER_ADDRESS its tasks look
// at an array of 64 MiB, and it prints where, and what they saw.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"

namespace joblib::testing {
namespace {

std::string HostName() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string LookFrom(const Array<double>& array, int) {
  const SeenArray seen = LookAt(array, 1);
  const bool is_memory = seen.file.find("memfd") != std::string::npos;
  char text[512];
  std::snprintf(text, sizeof text, "%s: %lld bytes, sum %.0f, %s",
                HostName().c_str(), static_cast<long long>(seen.bytes),
                seen.sum, is_memory ? "one memory" : seen.file.c_str());
  return text;
}

int Run() {
  const parallel_config scope({.backend = "dask"});
  const auto array = Counted(8 << 20);
  std::map<std::string, int> said;
  for (const std::string& text : Parallel({.batch_size = 1})(each(
           range(8), [&](int i) { return delayed(LookFrom)(array, i); }))) {
    ++said[text];
  }
  for (const auto& [text, n] : said) {
    std::printf("%d tasks on %s\n", n, text.c_str());
  }
  return 0;
}

}  // namespace
}  // namespace joblib::testing

int main() {
  try {
    return joblib::testing::Run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "two_hosts_program: %s\n", error.what());
    return 1;
  }
}
