// Programs that are their own workers, in each way to link and to run one.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace joblib::native {
namespace {

constexpr char kFolder[] = "./tests/native/";

std::string Program(const std::string& name) {
  return absl::StrCat(kFolder, name);
}

std::string CopyOf(const std::string& program, const std::string& name) {
  const std::string copy = absl::StrCat(testing::TempDir(), "/", name);
  std::remove(copy.c_str());
  std::ifstream in(Program(program), std::ios::binary);
  std::ofstream(copy, std::ios::binary) << in.rdbuf();
  EXPECT_EQ(chmod(copy.c_str(), 0755), 0);
  return copy;
}

// A program that runs, with stdout and stderr in one pipe.
struct Running {
  pid_t pid;
  int output;
};

Running Start(const std::vector<std::string>& command,
              const std::vector<std::string>& environment = {}) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    for (const std::string& entry : environment) {
      putenv(const_cast<char*>(entry.c_str()));
    }
    std::vector<char*> arguments;
    for (const std::string& argument : command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    _exit(127);
  }
  close(ends[1]);
  return {.pid = pid, .output = ends[0]};
}

struct Result {
  int code;  // -1: a signal.
  std::string output;
};

// Returns when the program has ended and with it all that hold its output.
Result Finish(Running running) {
  Result result;
  char buffer[4096];
  for (ssize_t n; (n = read(running.output, buffer, sizeof buffer)) > 0;) {
    result.output.append(buffer, static_cast<std::size_t>(n));
  }
  close(running.output);
  int status = 0;
  waitpid(running.pid, &status, 0);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

Result Execute(const std::vector<std::string>& command,
               const std::vector<std::string>& environment = {}) {
  return Finish(Start(command, environment));
}

void ExpectRuns(const Result& result) {
  EXPECT_EQ(result.code, 0) << result.output;
}

class LinkModeTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, LinkModeTest,
                         testing::Values("hook_program", "hook_program_no_pie",
                                         "hook_program_shared",
                                         "hook_program_lto"),
                         [](const auto& info) {
                           return std::string(info.param);
                         });

TEST_P(LinkModeTest, ItsWorkersRun) {
  ExpectRuns(Execute({Program(GetParam()), "run"}));
}

TEST(HookProgramTest, ADeletedProgramStartsWorkers) {
  const std::string copy = CopyOf("hook_program", "deleted");
  ExpectRuns(Execute({copy, "delete"}));
}

TEST(HookProgramTest, AReplacedProgramStartsItselfNotTheOther) {
  const std::string copy = CopyOf("hook_program", "replaced");
  std::remove((copy + " (deleted)").c_str());
  ExpectRuns(Execute({copy, "replace"}));
}

TEST(HookProgramTest, WithoutStandardDescriptorsWorkersHaveThemAllTheSame) {
  ExpectRuns(Execute({Program("hook_program"), "close"}));
}

TEST(HookProgramTest, ItsWorkerDiesWithItWhileAConstructorHangs) {
  const Running running = Start({Program("hook_program"), "hang"});
  char line[8] = {};
  ASSERT_EQ(read(running.output, line, sizeof line), 8);
  kill(running.pid, SIGKILL);
  // The worker is the last that holds the pipe.
  pollfd end = {.fd = running.output, .events = 0, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 20'000), 1) << "the worker outlives its parent";
  EXPECT_EQ(Finish(running).code, -1);
}

TEST(HookProgramTest, AStrayMarkerIsNoWorker) {
  const int file = open("/dev/null", O_RDONLY);  // Not close-on-exec.
  for (const std::string& marker :
       {std::string("1,700,701,702,1,1"), absl::StrCat("1,0,1,2,1,1"),
        absl::StrCat("1,", file, ",", file, ",", file, ",1,1"),
        std::string("yes"), std::string(""), std::string("1,2"),
        std::string("99999999999999999999,1,1,1,1,1")}) {
    const Result result = Execute({Program("hook_program"), "is_worker"},
                                  {"JOBLIB_WORKER=" + marker});
    EXPECT_EQ(result.output, "IsWorker 0 HookActive 1 MainHasBegun 1\nOK\n")
        << marker;
  }
  close(file);
}

// A library's constructor comes before the hook: marker and descriptors are
// still there.
TEST(HookProgramTest, AConstructorsChildIsNoWorker) {
  const Result result = Execute({Program("hook_program_starter"), "run"},
                                {"HOOK_STARTER=is_worker"});
  ExpectRuns(result);
  EXPECT_EQ(result.output, "IsWorker 0 HookActive 1 MainHasBegun 1\nOK\n");
}

// It goes on to main(), as that of the program itself.
TEST(HookProgramTest, AConstructorsForkIsNoWorker) {
  const Result result =
      Execute({Program("hook_program_starter"), "run"}, {"HOOK_STARTER=fork"});
  ExpectRuns(result);
  EXPECT_EQ(result.output, "hook_program: what?\n");
}

TEST(HookProgramTest, AWorkerWithoutAWorkersMainSaysSo) {
  const std::string program = Program("hook_no_worker");
  const Result module = Execute({program});
  ASSERT_EQ(module.code, 0);
  int sockets[2];  // None of these is close-on-exec.
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
  const int memory = memfd_create("memory", 0);
  const Result result = Execute(
      {program},
      {absl::StrCat("JOBLIB_WORKER=1,", memory, ",", sockets[0], ",", memory,
                    ",1,", module.output.substr(0, module.output.find('\n')))});
  EXPECT_EQ(result.code, 3) << result.output;
  EXPECT_TRUE(absl::StrContains(result.output, "SetWorkerMain"))
      << result.output;
  for (const int fd : {sockets[0], sockets[1], memory}) close(fd);
}

TEST(HookProgramTest, ProgramsWithRaisedPrivilegesStartNoWorkers) {
  const std::string copy = CopyOf("hook_program", "setuid");
  constexpr uid_t kNobody = 65534;
  if (getuid() != 0 || chown(copy.c_str(), kNobody, kNobody) != 0 ||
      chmod(copy.c_str(), 04755) != 0) {
    GTEST_SKIP() << "needs root";
  }
  const Result result = Execute({copy, "is_worker"});
  if (!absl::StartsWith(result.output, "secure ")) {
    GTEST_SKIP() << "a file system without setuid";
  }
  EXPECT_TRUE(absl::StartsWith(
      result.output,
      "secure IsWorker 0 HookActive 0 MainHasBegun 1\nFAILED_PRECONDITION"))
      << result.output;
  EXPECT_EQ(Execute({copy, "run"}).code, 20);
}

class ForeignProgramTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, ForeignProgramTest,
                         testing::Values("hook_plugin.so",
                                         "hook_plugin_hidden.so"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.substr(0, name.find('.'));
                         });

// Both have a copy of the hook; the library's is hidden, or comes second.
TEST_P(ForeignProgramTest, ItsWorkersAreNoneOfTheProgramsOwnHook) {
  ExpectRuns(Execute({Program("hook_program"), "load", Program(GetParam())}));
}

TEST_P(ForeignProgramTest, ItsWorkersPreloadTheLibrary) {
  ExpectRuns(Execute({Program("hook_foreign"), Program(GetParam())}));
}

TEST_P(ForeignProgramTest, WhatItPreloadsItselfStays) {
  ExpectRuns(Execute(
      {Program("hook_foreign"), Program(GetParam())},
      {"LD_PRELOAD=libm.so.6", "ASAN_OPTIONS=verify_asan_link_order=0"}));
}

TEST_P(ForeignProgramTest, SoDoWorkersOfPython) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "python3 is without the sanitizer that the library needs";
#endif
  const Result result =
      Execute({"python3", "-c",
               "import ctypes, sys; "
               "sys.exit(ctypes.CDLL(sys.argv[1]).RunHookPlugin())",
               Program(GetParam())});
  if (result.code == 127) GTEST_SKIP() << "no python3";
  ExpectRuns(result);
}

TEST(IndirectProgramTest, ALibraryOfALibrarySetsUpWorkers) {
  // libc stands before it in the order of search: the hook is not reached.
  ExpectRuns(Execute({Program("hook_indirect")}));
}

}  // namespace
}  // namespace joblib::native
