// A program that closes all descriptors that it doesn't know, the library's
// with them: a clear error at most, then a new pool. The test program is its
// own subject, run again.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"

namespace joblib::testing {
namespace {

std::vector<int> Descriptors() {
  std::vector<int> all;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    all.push_back(std::atoi(entry.path().filename().c_str()));
  }
  return all;
}

int CloseAllAboveTwo() {
  if (!CallWorks()) return 1;
  PrintWorkers();
  for (const int fd : Descriptors()) {
    if (fd > 2) close(fd);
  }
  // The numbers are the program's now: nothing of ours is to touch them.
  std::vector<int> mine;
  for (int i = 0; i < 64; ++i) mine.push_back(open("/dev/null", O_RDWR));
  int n_failed = 0;
  for (int round = 0; round < 3; ++round) {
    try {
      if (SumOfCall() != kGuestSum) return 2;
    } catch (const std::exception& error) {
      if (std::string_view(error.what()).empty()) return 3;
      std::printf("refused: %s\n", error.what());
      ++n_failed;
    }
  }
  PrintWorkers();
  // All that the library had then is gone.
  shutdown();
  if (!Eventually([] { return Children().empty(); })) return 6;
  for (const int fd : mine) {
    if (fcntl(fd, F_GETFD) < 0) return 4;
  }
  return n_failed <= 1 ? 0 : 5;
}

TEST(GuestTest, MayCloseAllAboveTwo) {
  for (int round = 0; round < 5; ++round) RunGuest("--close-all");
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv, {{"--close-all", CloseAllAboveTwo}});
}
