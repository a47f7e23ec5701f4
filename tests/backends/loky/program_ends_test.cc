// However the program ends in the middle of long tasks, its workers end with
// it, and leave nothing behind. The test program is its own subject, run again.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_words.h"

namespace joblib::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::seconds kLimit{20};
constexpr int kWorkers = 2;

// ---- The program ----

// Tells its process where the file of shared words `path` is, and stays.
int StayLong(const std::string& path, int n) {
  SharedWords::Open(path)->at(n).store(native::ProcessId());
  std::this_thread::sleep_for(std::chrono::seconds(30));
  return n;
}
int Same(int n) { return n; }

// Workers are of the program's process group: Ctrl-C reaches them all.
int KillTheGroup(const std::string& path, int n) {
  const auto words = SharedWords::Open(path);
  words->at(n).store(native::ProcessId());
  if (n == 0) {
    // The test has seen both.
    Eventually([&] { return words->at(kWorkers).load() != 0; }, kLimit);
    kill(0, SIGTERM);
  }
  std::this_thread::sleep_for(std::chrono::seconds(30));
  return n;
}

void CallLong(const std::string& path) {
  Parallel({.n_jobs = kWorkers, .batch_size = 1})(
      each(range(kWorkers), [&](int i) { return delayed(StayLong)(path, i); }));
}

bool AllStay(const std::string& path) {
  const auto words = SharedWords::Open(path);
  return Eventually(
      [&] { return words->at(0).load() != 0 && words->at(1).load() != 0; },
      kLimit);
}

// How the program came to the library, and how it leaves.
int RunProgram(std::string_view how, const std::string& path) {
  if (how == "--first-in-a-thread") {
    std::thread([] {
      Parallel({.n_jobs = kWorkers}).map(Same, range(4));
    }).join();
  }
  if (how == "--abort" || how == "--exit") {
    std::thread([how, path] {
      if (!AllStay(path)) _exit(99);
      if (how == "--abort") std::abort();
      std::exit(7);
    }).detach();
  }
  if (how == "--task-kills") {
    Parallel({.n_jobs = kWorkers, .batch_size = 1})(
        each(range(kWorkers),
             [&](int i) { return delayed(KillTheGroup)(path, i); }));
  }
  CallLong(path);
  return 0;
}

// ---- The test ----

std::set<std::string> Listing(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.insert(entry.path().filename());
  }
  return names;
}

// A program in the middle of its tasks, in a process group of its own.
class Program {
 public:
  explicit Program(const std::string& how) : shm_(Listing("/dev/shm")) {
    fs::create_directory(temp_);
    const std::string self = fs::read_symlink("/proc/self/exe");
    std::string temp = "TMPDIR=" + temp_.string();
    std::vector<std::string> words = {self, how, words_->path()};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<char*> env;
    for (char** v = environ; *v != nullptr; ++v) {
      if (!std::string_view(*v).starts_with("TMPDIR=")) env.push_back(*v);
    }
    env.push_back(temp.data());
    env.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    EXPECT_EQ(posix_spawn(&pid_, self.c_str(), nullptr, &attributes,
                          argv.data(), env.data()),
              0);
    posix_spawnattr_destroy(&attributes);
    // Those that end by themselves may have done so.
    EXPECT_TRUE(AllStay(words_->path()));
    workers_ = {words_->at(0).load(), words_->at(1).load()};
  }
  Program(const Program&) = delete;
  ~Program() {
    kill(-pid_, SIGKILL);
    fs::remove_all(temp_);
  }

  pid_t pid() const { return pid_; }
  void GoOn() { words_->at(kWorkers).store(1); }
  const std::vector<std::int64_t>& workers() const { return workers_; }

  // What waitpid tells; -1: it did not end.
  int WaitForEnd() {
    int status = -1;
    const bool ended = Eventually(
        [&] { return waitpid(pid_, &status, WNOHANG) == pid_; }, kLimit);
    return ended ? status : -1;
  }
  void ExpectNothingLeft() {
    EXPECT_TRUE(AllGone(workers_, kLimit));
    EXPECT_THAT(Listing(temp_), IsEmpty());
    // Others use it as well, and come and go.
    EXPECT_TRUE(Eventually([&] {
      for (const std::string& name : Listing("/dev/shm")) {
        if (shm_.count(name) == 0) return false;
      }
      return true;
    }));
  }

 private:
  const std::shared_ptr<SharedWords> words_ = SharedWords::Create(kWorkers + 1);
  const fs::path temp_ = words_->path() + ".temp";
  const std::set<std::string> shm_;
  pid_t pid_ = 0;
  std::vector<std::int64_t> workers_;
};

void ExpectEndsBy(const std::string& how, int signal, bool to_the_group) {
  Program program(how);
  EXPECT_THAT(Children(program.pid()), SizeIs(kWorkers));
  kill(to_the_group ? -program.pid() : program.pid(), signal);
  const int status = program.WaitForEnd();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
  program.ExpectNothingLeft();
}

// JOBLIB_ENDS_ROUNDS: more than the ordinary ones.
int Rounds() {
  const char* const rounds = std::getenv("JOBLIB_ENDS_ROUNDS");
  return rounds != nullptr ? std::atoi(rounds) : 10;
}

TEST(ProgramEndsTest, BySigkill) {
  for (int round = Rounds(); round > 0; --round) {
    ExpectEndsBy("--stay", SIGKILL, false);
  }
}

TEST(ProgramEndsTest, ByCtrlC) {
  for (int round = Rounds(); round > 0; --round) {
    ExpectEndsBy("--stay", SIGINT, true);
  }
}

TEST(ProgramEndsTest, BySigterm) {
  ExpectEndsBy("--stay", SIGTERM, false);
  ExpectEndsBy("--stay", SIGTERM, true);
}

TEST(ProgramEndsTest, ByATaskThatKillsItsProcessGroup) {
  Program program("--task-kills");
  program.GoOn();
  const int status = program.WaitForEnd();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  program.ExpectNothingLeft();
}

TEST(ProgramEndsTest, AfterTheThreadThatCameFirst) {
  ExpectEndsBy("--first-in-a-thread", SIGKILL, false);
  ExpectEndsBy("--first-in-a-thread", SIGINT, true);
}

TEST(ProgramEndsTest, ByAbort) {
  Program program("--abort");
  const int status = program.WaitForEnd();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status;
  program.ExpectNothingLeft();
}

TEST(ProgramEndsTest, ByExitOfAnotherThread) {
  Program program("--exit");
  const int status = program.WaitForEnd();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7) << status;
  program.ExpectNothingLeft();
}

// The first thread's end is not the program's.
TEST(ProgramEndsTest, NoSoonerThanTheProgram) {
  Program program("--first-in-a-thread");
  for (const std::int64_t worker : program.workers()) {
    EXPECT_TRUE(Lives(worker));
  }
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  if (argc == 3 && !std::string_view(argv[1]).starts_with("--gtest")) {
    return joblib::testing::RunProgram(argv[1], argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
