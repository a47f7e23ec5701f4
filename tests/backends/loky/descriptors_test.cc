// Arguments and results that travel by descriptor: more of them than a socket
// holds, both ways at once, and than a process may have. The test program is
// its own subject, run again with the limits of an ordinary user.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/loky/guest.h"

namespace joblib::testing {
namespace {

Array<double> Filled(std::int64_t n, double value) {
  auto array = Array<double>::zeros({n}, Memory::kShared);
  for (double& x : array.mutable_view()) x = value;
  return array;
}
Array<double> Make(std::int64_t n, int value) { return Filled(n, value); }
// The same length, one more.
Array<double> PlusOne(const Array<double>& array) {
  return Filled(array.size(), *array.begin() + 1);
}
double SumOf(const Shared<std::vector<double>>& values, int i) {
  return values->at(static_cast<std::size_t>(i));
}

bool IsFilled(const Array<double>& array, std::int64_t n, double value) {
  if (array.size() != n) return false;
  for (const double x : array) {
    if (x != value) return false;
  }
  return true;
}

ParallelOptions Options(int batch_size) {
  ParallelOptions options;
  options.n_jobs = 2;
  options.batch_size = batch_size;
  options.max_nbytes = "1K";
  return options;
}

bool ManyResults(int n_tasks, std::int64_t n) {
  const auto results = Parallel(Options(n_tasks))(
      each(range(n_tasks), [&](int i) { return delayed(Make)(n, i); }));
  for (int i = 0; i < n_tasks; ++i) {
    if (!IsFilled(results[i], n, i)) return false;
  }
  return true;
}

bool ManyBothWays(int n_tasks, std::int64_t n) {
  std::vector<Array<double>> arguments;
  for (int i = 0; i < n_tasks; ++i) arguments.push_back(Filled(n, i));
  const auto results = Parallel(Options(n_tasks))(each(
      range(n_tasks), [&](int i) { return delayed(PlusOne)(arguments[i]); }));
  for (int i = 0; i < n_tasks; ++i) {
    if (!IsFilled(results[i], n, i + 1)) return false;
  }
  return true;
}

bool ManySharedValues(int n_tasks) {
  std::vector<Shared<std::vector<double>>> values;
  for (int i = 0; i < n_tasks; ++i) {
    values.emplace_back(std::vector<double>(2000, i));
  }
  const auto results = Parallel(Options(n_tasks))(each(
      range(n_tasks), [&](int i) { return delayed(SumOf)(values[i], i); }));
  for (int i = 0; i < n_tasks; ++i) {
    if (results[i] != i) return false;
  }
  return true;
}

int AllOfThem() {
  if (!ManyResults(1000, 2000)) return 1;
  if (!ManyResults(300, 100'000)) return 2;
  if (!ManyBothWays(300, 2000)) return 3;
  if (!ManySharedValues(600)) return 4;
  return CallWorks() ? 0 : 5;
}

bool BecomeOrdinary() {
  constexpr gid_t kNobody = 65534;
  if (getuid() != 0) return true;
  return setgid(kNobody) == 0 &&
         setuid(static_cast<uid_t>(100000 + getpid())) == 0;
}
int AllAsAnOrdinaryUser() { return BecomeOrdinary() ? AllOfThem() : 10; }

// What is held at once has to fit; the rest comes and goes.
int WithFewDescriptors() {
  if (!BecomeOrdinary()) return 10;
  const rlimit limit = {64, 64};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 11;
  for (int round = 0; round < 10; ++round) {
    if (!ManyResults(20, 2000)) return 1;
    if (!ManyBothWays(8, 2000)) return 2;
    if (!ManySharedValues(8)) return 3;
  }
  return CallWorks() ? 0 : 4;
}

// There is no room for all results: they come by value, or the call says so.
int WithTooFewDescriptors() {
  if (!BecomeOrdinary()) return 10;
  const rlimit limit = {64, 64};
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return 11;
  try {
    if (!ManyResults(200, 2000)) return 1;
    std::printf("came by value\n");
  } catch (const std::exception& error) {
    std::printf("error %s\n", error.what());
  }
  return CallWorks() ? 0 : 4;
}

TEST(DescriptorsTest, MoreThanASocketHolds) { RunGuest("--all"); }
TEST(DescriptorsTest, MoreThanASocketOfAnOrdinaryUserHolds) {
  RunGuest("--ordinary");
}
TEST(DescriptorsTest, FewerThanAProcessMayHave) { RunGuest("--few"); }
TEST(DescriptorsTest, MoreThanAProcessMayHave) {
  std::printf("%s", RunGuest("--too-few").c_str());
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  using namespace joblib::testing;
  return RunGuestsOrTests(argc, argv,
                          {{"--all", AllOfThem},
                           {"--ordinary", AllAsAnOrdinaryUser},
                           {"--few", WithFewDescriptors},
                           {"--too-few", WithTooFewDescriptors}});
}
