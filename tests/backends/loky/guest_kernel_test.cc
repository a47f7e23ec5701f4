// The library where the kernel is old, or a sandbox refuses what it asks for:
// the same results, by other means. The test program is its own subject, run
// again under a seccomp filter, which its workers inherit.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// From here on `calls` fail with `error`, and clone() knows no CLONE_PIDFD.
bool Refuse(const std::vector<long>& calls, std::uint32_t error) {
  std::vector<sock_filter> filter = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const long call : calls) {
    filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                              static_cast<std::uint32_t>(call), 0, 1));
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
  filter.push_back(
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)));
  filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_PIDFD, 0, 1));
  filter.push_back(
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | std::uint32_t{EINVAL}));
  filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              filter.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

std::string Longer(const std::string& text) { return text + text; }

int CallWhereRefused(int error) {
  if (!Refuse({SYS_memfd_create, SYS_pidfd_open, SYS_pidfd_send_signal,
               SYS_close_range, SYS_membarrier},
              static_cast<std::uint32_t>(error))) {
    return 10;
  }
  if (syscall(SYS_memfd_create, "", 0) != -1 || errno != error) return 11;
  for (int i = 0; i < 3; ++i) {
    if (!CallWorks()) return 1;
    if (!CrashIsAnError()) return 2;
  }
  const std::string large(std::size_t{3} << 20, 'x');
  for (const std::string& text :
       Parallel({.n_jobs = 2})
           .map(Longer, std::vector<std::string>(4, large))) {
    if (text != large + large) return 3;
  }
  const auto outcomes = Parallel({.n_jobs = 2, .task_timeout = 0.3})
                            .collect(each(range(4), [](int i) {
                              return delayed([](int n) {
                                if (n == 2) sleep(100);
                              })(i);
                            }));
  for (int i = 0; i < 4; ++i) {
    if (outcomes[i].has_value() != (i != 2)) return 4;
  }
  PrintWorkers();
  return 0;
}

int CallAsOnAnOldKernel() { return CallWhereRefused(ENOSYS); }
int CallAsInASandbox() { return CallWhereRefused(EPERM); }

int CallWhereNothingMayBeRun() {
  if (!Refuse({SYS_execve, SYS_execveat}, EACCES)) return 10;
  for (int i = 0; i < 2; ++i) {
    try {
      SumOfCall();
      return 1;
    } catch (const TerminatedWorkerError& error) {
      std::printf("error %s\n", error.what());
    }
  }
  return Children().empty() ? 0 : 2;
}

// What has a name is removed at once.
std::vector<std::string> FilesOfOurs() {
  std::vector<std::string> files;
  for (const char* folder : {"/dev/shm", "/tmp"}) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      if (name.find("joblib") != std::string::npos) files.push_back(name);
    }
  }
  return files;
}

TEST(GuestKernelTest, AnOldOneDoes) {
  const std::vector<std::string> before = FilesOfOurs();
  RunGuest("--old-kernel");
  EXPECT_EQ(FilesOfOurs(), before);
}

TEST(GuestKernelTest, ASandboxThatForbidsDoes) {
  const std::vector<std::string> before = FilesOfOurs();
  RunGuest("--sandbox");
  EXPECT_EQ(FilesOfOurs(), before);
}

TEST(GuestKernelTest, WhereNothingMayBeRunTheErrorSaysSo) {
  EXPECT_THAT(
      RunGuest("--no-exec"),
      AllOf(HasSubstr("could not start a worker process"),
            HasSubstr("guest_kernel_test"), HasSubstr("Permission denied")));
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--old-kernel", CallAsOnAnOldKernel},
                           {"--sandbox", CallAsInASandbox},
                           {"--no-exec", CallWhereNothingMayBeRun}});
}
