#include "native/shared_futex.h"

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>

#include "gtest/gtest.h"
#include "native/shared_memory.h"

namespace joblib::native {
namespace {

using std::chrono::milliseconds;

struct Words {
  std::atomic<std::uint32_t> small;
  std::atomic<std::uint64_t> large;
};

class SharedFutexTest : public testing::Test {
 protected:
  void SetUp() override {
    auto memory = SharedMemory::Create("shared_futex_test", 4096);
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
    auto map = Mapping::Map(memory_, 0, 4096);
    ASSERT_TRUE(map.ok()) << map.status();
    map_ = *std::move(map);
  }
  Words& words() { return *reinterpret_cast<Words*>(map_.data()); }
  // The same word at another address, as another process has it.
  Words& elsewhere() {
    if (again_.data() == nullptr) again_ = *Mapping::Map(memory_, 0, 4096);
    return *reinterpret_cast<Words*>(again_.data());
  }

  SharedMemory memory_;
  Mapping map_, again_;
};

TEST_F(SharedFutexTest, AnotherProcessWakesTheSleeper) {
  // Both words one after the other: a lost wake-up hangs the test.
  const pid_t child = fork();
  if (child == 0) {
    while (words().small == 0) {
      SharedFutexWait(words().small, 0, std::nullopt);
    }
    while (words().large >> 32 == 0) {
      SharedFutexWaitUpper(words().large, 0, std::nullopt);
    }
    _exit(0);
  }
  usleep(20'000);  // Most likely it sleeps by now; right in any case.
  elsewhere().small = 1;
  SharedFutexWake(elsewhere().small, 1);
  usleep(20'000);
  elsewhere().large = std::uint64_t{1} << 32;
  SharedFutexWakeUpper(elsewhere().large, 1);
  int status = 1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(SharedFutexTest, SleepsUntilTheTimeIsOver) {
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < milliseconds(20)) {
    SharedFutexWait(words().small, 0, milliseconds(20));
  }
  SharedFutexWaitUpper(words().large, 0, milliseconds(1));
  SharedFutexWait(words().small, 0, milliseconds(0));
  SharedFutexWait(words().small, 0, milliseconds(-1));
}

TEST_F(SharedFutexTest, DoesNotSleepOnAnotherValue) {
  words().small = 3;
  SharedFutexWait(words().small, 2, std::nullopt);
  words().large = (std::uint64_t{7} << 32) | 5;
  SharedFutexWaitUpper(words().large, 5, std::nullopt);
  SharedFutexWaitUpper(words().large, 6, std::nullopt);
}

}  // namespace
}  // namespace joblib::native
