// A program that is killed together with all its workers, in the middle of
// tasks with arrays, leaves nothing behind: no file, no memory.
//
//   program_killed_test [--rounds=N]
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/shared_words.h"

namespace joblib::testing {
namespace {

namespace fs = std::filesystem;

int rounds = 10;
constexpr int kWorkers = 2;
constexpr std::int64_t kBytes = 32 << 20;  // Of each array.
constexpr std::int64_t kTolerance = 64 << 20;
constexpr std::chrono::seconds kLimit{20};

// ---- The program ----

// Has read one array, written another, and stays.
double StayLong(const std::string& words, const Array<double>& in,
                Array<double> out, int n) {
  double sum = 0;
  for (const double x : in.span()) sum += x;
  for (double& x : out.mutable_span()) x = n;
  const auto result = Array<double>::zeros({kBytes / 8});
  if (in.is_memmap() && !out.is_memmap()) {
    SharedWords::Open(words)->at(n).store(native::ProcessId());
  }
  std::this_thread::sleep_for(std::chrono::seconds(30));
  return sum + result(0);
}

int RunProgram(const std::string& temp_folder, const std::string& words) {
  const auto in = Array<double>::zeros({kBytes / 8});
  const auto out = Array<double>::zeros({kBytes / 8}, Memory::kShared);
  ParallelOptions options;
  options.n_jobs = kWorkers;
  options.batch_size = 1;
  if (temp_folder != "default") options.temp_folder = temp_folder;
  Parallel parallel(options);
  parallel(each(range(kWorkers),
                [&](int i) { return delayed(StayLong)(words, in, out, i); }));
  return 0;
}

// ---- The test ----

// Of the library's files in a folder where all programs of the machine have
// theirs.
std::set<std::string> OurNamesIn(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    if (name.find("joblib") != std::string::npos) names.insert(name);
  }
  return names;
}

// What all of this machine's shared memory takes, in bytes.
std::int64_t SharedBytes() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::int64_t kilobytes = 0;
  while (file >> name) {
    if (name == "Shmem:" && file >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

void KillOne(const std::string& temp_folder) {
  const auto words = SharedWords::Create(kWorkers);
  const std::string self = fs::read_symlink("/proc/self/exe");
  std::vector<std::string> text = {self, temp_folder, words->path()};
  std::vector<char*> argv;
  for (std::string& word : text) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t program = 0;
  ASSERT_EQ(posix_spawn(&program, self.c_str(), nullptr, nullptr, argv.data(),
                        environ),
            0);
  EXPECT_TRUE(Eventually(
      [&] { return words->at(0).load() != 0 && words->at(1).load() != 0; },
      kLimit));
  std::vector<std::int64_t> all = Children(program);
  EXPECT_EQ(all.size(), std::size_t{kWorkers});
  all.push_back(program);
  // Stopped first, so that none sees the end of another.
  for (const int signal : {SIGSTOP, SIGKILL}) {
    for (const std::int64_t pid : all) kill(static_cast<pid_t>(pid), signal);
  }
  waitpid(program, nullptr, 0);
  EXPECT_TRUE(AllGone(all, kLimit));
}

TEST(ProgramKilledTest, WithAllItsWorkersItLeavesNothing) {
  const fs::path temp = ::testing::TempDir() + "/killed";
  fs::create_directories(temp);
  const std::set<std::string> shm = OurNamesIn("/dev/shm");
  const std::int64_t before = SharedBytes();
  for (int round = 0; round < rounds; ++round) {
    KillOne(round % 2 == 0 ? temp.string() : "default");
    EXPECT_TRUE(fs::is_empty(temp));
  }
  // Others use shared memory as well, and come and go.
  EXPECT_TRUE(Eventually(
      [&] {
        for (const std::string& name : OurNamesIn("/dev/shm")) {
          if (shm.count(name) == 0) return false;
        }
        return SharedBytes() <= before + kTolerance;
      },
      kLimit))
      << SharedBytes() - before << " bytes more than before";
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  if (argc == 3 && !std::string_view(argv[1]).starts_with("--gtest")) {
    return joblib::testing::RunProgram(argv[1], argv[2]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  if (argc == 2 && std::string_view(argv[1]).starts_with("--rounds=")) {
    joblib::testing::rounds = std::atoi(argv[1] + 9);
  }
  return RUN_ALL_TESTS();
}
