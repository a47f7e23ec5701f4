// Which CPUs the threads of a whole program get. This program is linked with
// libgomp, which pins the first thread before main() where OMP_PROC_BIND says
// so; the tests run it again with "--report" in such an environment.

#include <sched.h>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "native/affinity.h"
#include "native/cpu_count.h"
#include "native/thread.h"

namespace joblib::native {
namespace {

using ::testing::HasSubstr;

int OwnMaskSize() {
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) return -1;
  return CPU_COUNT(&mask);
}

void PinToOneCpu() {
  cpu_set_t mask;
  ASSERT_EQ(sched_getaffinity(0, sizeof(mask), &mask), 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &mask)) ++cpu;
  CPU_ZERO(&mask);
  CPU_SET(cpu, &mask);
  ASSERT_EQ(sched_setaffinity(0, sizeof(mask), &mask), 0);
}

// Of a thread that StartThread starts.
int LibraryThreadsMaskSize() {
  std::mutex mutex;
  std::condition_variable changed;
  int size = 0;
  const absl::Status status = StartThread([&] {
    const std::lock_guard lock(mutex);
    size = OwnMaskSize();
    changed.notify_one();
  });
  if (!status.ok()) return -1;
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return size != 0; });
  return size;
}

// What the child says: "own=1 count=2 thread=2 <warning>".
int Report() {
  std::cout << "own=" << OwnMaskSize() << " count=" << CpuCount().count
            << " thread=" << LibraryThreadsMaskSize() << " "
            << AffinityWarning() << std::endl;
  return 0;
}

std::string ReportOfChild(const std::string& environment) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command = "exec env -u LOKY_MAX_CPU_COUNT " + environment +
                              " '" + self + "' --report";
  std::FILE* const child = popen(command.c_str(), "r");
  if (child == nullptr) return "popen failed";
  std::string report;
  for (int c; (c = std::fgetc(child)) != EOF;) report += static_cast<char>(c);
  EXPECT_EQ(pclose(child), 0) << command;
  return report;
}

class AffinityProcessTest : public testing::Test {
 protected:
  void SetUp() override {
    if (OwnMaskSize() < 2) GTEST_SKIP() << "needs two CPUs";
  }
  const std::string all_ = std::to_string(OwnMaskSize());
  const std::string count_ = std::to_string(CpuCount().count);
};

TEST_F(AffinityProcessTest, AnOrdinaryProcess) {
  EXPECT_EQ(ReportOfChild(""),
            "own=" + all_ + " count=" + count_ + " thread=" + all_ + " \n");
}

TEST_F(AffinityProcessTest, OpenMpsPinningIsNotFollowed) {
  for (const char* variable :
       {"OMP_PROC_BIND=true", "OMP_PLACES=threads", "GOMP_CPU_AFFINITY=0"}) {
    const std::string report = ReportOfChild(variable);
    EXPECT_THAT(report, HasSubstr("own=1 count=" + count_ + " thread=" + all_ +
                                  " With " + variable));
  }
}

TEST_F(AffinityProcessTest, AMaskGivenFromOutsideIsKept) {
  EXPECT_EQ(ReportOfChild("taskset -c 0"), "own=1 count=1 thread=1 \n");
  EXPECT_EQ(ReportOfChild("OMP_PROC_BIND=false taskset -c 0"),
            "own=1 count=1 thread=1 \n");
}

TEST_F(AffinityProcessTest, AThreadIsNotStuckOnItsCreatorsCpu) {
  std::thread([&] {
    PinToOneCpu();
    ASSERT_EQ(OwnMaskSize(), 1);
    EXPECT_EQ(std::to_string(LibraryThreadsMaskSize()), all_);
    EXPECT_EQ(OwnMaskSize(), 1);  // The caller's own is not touched.
  }).join();
}

}  // namespace
}  // namespace joblib::native

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--report") {
    return joblib::native::Report();
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
