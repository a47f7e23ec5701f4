// Workers have the environment, directory, umask, limits and locale that the
// program had when their pool was made: those that replace others, too.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/backends/process/children.h"
#include "tests/testing/shared_counters.h"

namespace joblib::testing {
namespace {

using ::testing::Each;
using Words = std::vector<std::string>;

// Of the process that it is called in.
Words Surroundings() {
  const char* const variable = std::getenv("SURROUNDINGS_TEST");
  const mode_t mask = umask(0);
  umask(mask);
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return {variable == nullptr ? "none" : variable,
          std::filesystem::current_path(), "umask " + std::to_string(mask),
          "limit " + std::to_string(limit.rlim_cur),
          std::setlocale(LC_ALL, nullptr)};
}
Words SurroundingsOnceMet(const SharedCounters& arrived) {
  arrived.Add();
  return arrived.AwaitAtLeast(0, 2) ? Surroundings() : Words();
}
// Of both workers.
std::vector<Words> OfWorkers() {
  const auto arrived = SharedCounters::Zeros();
  return Parallel({.n_jobs = 2, .batch_size = 1})(each(
      range(2), [&](int) { return delayed(SurroundingsOnceMet)(arrived); }));
}

// The program's own.
void Set(const char* variable, const std::string& folder, mode_t mask,
         int n_files, const char* locale) {
  ASSERT_EQ(setenv("SURROUNDINGS_TEST", variable, 1), 0);
  ASSERT_EQ(chdir(folder.c_str()), 0);
  umask(mask);
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = static_cast<rlim_t>(n_files);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_NE(std::setlocale(LC_ALL, locale), nullptr);
}

TEST(SurroundingsTest, AreThoseOfThePoolsBegin) {
  Set("old", ::testing::TempDir(), 027, 900, "C.UTF-8");
  const Words old_ones = Surroundings();
  EXPECT_THAT(OfWorkers(), Each(old_ones));

  Set("new", "/", 077, 800, "C");
  const Words new_ones = Surroundings();
  EXPECT_THAT(OfWorkers(), Each(old_ones));
  const std::vector<std::int64_t> workers = Children();
  kill(static_cast<pid_t>(workers.at(0)), SIGKILL);
  ASSERT_TRUE(AllGone({workers.at(0)}));
  EXPECT_THAT(OfWorkers(), Each(old_ones));

  shutdown();
  EXPECT_THAT(OfWorkers(), Each(new_ones));
}

}  // namespace
}  // namespace joblib::testing
