// The library in containers: another root, no /proc, a pid namespace, and as
// its process 1. The test program is its own subject, run again.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Without a look at /proc.
int Call() {
  for (int round = 0; round < 3; ++round) {
    if (SumOfCall() != kGuestSum) return 1;
    if (!CrashIsAnError()) return 2;
  }
  std::printf("right, as process %d\n", static_cast<int>(getpid()));
  return 0;
}

// Neither this program's file nor its libraries are there.
int CallInAnEmptyRoot() {
  char folder[] = "/tmp/joblib_empty_root_XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  const int outside = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
  const bool is_there = chroot(folder) == 0 && chdir("/") == 0;
  if (!is_there) std::puts("unshare: chroot is refused");
  bool refused = !is_there;
  if (is_there) {
    try {
      SumOfCall();
    } catch (const std::exception& error) {
      refused = true;
      std::printf("error %s\n", error.what());
    }
  }
  unlinkat(outside, strrchr(folder, '/') + 1, AT_REMOVEDIR);
  return refused ? 0 : 2;
}

// A task that has other rights, for a while, dies with the program all the
// same.
int CallWithOtherRights() {
  const auto results =
      Parallel({.n_jobs = 2})
          .map(
              [](int n) {
                return seteuid(65534) == 0 && seteuid(0) == 0 ? 2 * n : -1;
              },
              range(4));
  for (int i = 0; i < 4; ++i) {
    if (results[i] != 2 * i) return 1;
  }
  Parallel({.n_jobs = 2, .batch_size = 1})
      .map([](int) { return seteuid(65534); }, range(4));
  PrintWorkers();
  _exit(0);  // Nobody asks them to leave.
}

// `before`: shell words that run the program, "$@", somewhere.
std::string OutputIn(const std::string& before, const std::string& program) {
  const ProgramEnd end = RunSelf(program, before);
  if (end.output.find("unshare:") != std::string::npos) {
    return "no namespaces here";
  }
  EXPECT_EQ(end.exit_code, 0) << end.output;
  return end.output;
}

#define JOBLIB_SKIP_WITHOUT_NAMESPACES(output)                            \
  if ((output).find("unshare:") == 0 || (output) == "no namespaces here") \
  GTEST_SKIP() << (output)

TEST(NamespacesTest, APidNamespace) {
  const std::string output = OutputIn("unshare -rpf --mount-proc", "--call");
  JOBLIB_SKIP_WITHOUT_NAMESPACES(output);
  EXPECT_THAT(output, HasSubstr("right, as process "));
}

TEST(NamespacesTest, AsProcessOne) {
  // The words before the program's name are those of RunSelf.
  const std::string output = OutputIn(
      "unshare -rpf --mount-proc sh -c 'exec \"$5\" \"$6\"' sh", "--call");
  JOBLIB_SKIP_WITHOUT_NAMESPACES(output);
  EXPECT_THAT(output, HasSubstr("right, as process 1\n"));
}

TEST(NamespacesTest, WithoutProc) {
  const std::string output = OutputIn(
      "unshare -rm sh -c "
      "'mount -t tmpfs none /proc || echo unshare: no mount; exec \"$@\"' sh",
      "--call");
  JOBLIB_SKIP_WITHOUT_NAMESPACES(output);
  EXPECT_THAT(output, HasSubstr("right, as process "));
}

TEST(NamespacesTest, AnEmptyRootIsAnErrorThatNamesTheFile) {
  const std::string output = OutputIn("unshare -r", "--empty-root");
  JOBLIB_SKIP_WITHOUT_NAMESPACES(output);
  EXPECT_THAT(output, AllOf(HasSubstr("error "), HasSubstr("namespaces_test"),
                            HasSubstr("No such file")));
}

TEST(NamespacesTest, WorkersOfOtherRightsEndWithTheProgram) {
  if (getuid() != 0) GTEST_SKIP() << "needs root";
  const ProgramEnd end = RunSelf("--rights");
  EXPECT_EQ(end.exit_code, 0) << end.output;
  EXPECT_EQ(WorkersIn(end.output).size(), kGuestWorkers);
  EXPECT_TRUE(AllGone(WorkersIn(end.output)));
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--call", Call},
                           {"--empty-root", CallInAnEmptyRoot},
                           {"--rights", CallWithOtherRights}});
}
