// A program and a library that was loaded into it, each with a copy of joblib
// of its own, the library's hidden: the program's parallel_config governs the
// library's bare Parallel(), and there is one pool in all.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/process/children.h"
#include "tests/testing/eventually.h"
#include "tests/testing/warning_collector.h"

namespace joblib::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAreArray;

template <class Function>
Function* InThePlugin(const char* name) {
  static void* const plugin =
      dlopen("tests/parallel/copies_plugin.so", RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(plugin, nullptr) << dlerror();
  return reinterpret_cast<Function*>(dlsym(plugin, name));
}

std::set<long> PluginPids() {
  std::set<long> pids;
  InThePlugin<void(std::set<long>*)>("PluginPids")(&pids);
  return pids;
}

long Pid(int) { return getpid(); }

std::set<long> OwnPids() {
  const auto pids = Parallel().map(Pid, range(50));
  return {pids.begin(), pids.end()};
}

TEST(CopiesTest, TheProgramsScopeGovernsTheLibrary) {
  const auto n_jobs = InThePlugin<int()>("PluginNJobs");
  EXPECT_EQ(n_jobs(), 1);
  {
    const parallel_config scope({.backend = "threading", .n_jobs = 3});
    EXPECT_EQ(n_jobs(), 3);
    EXPECT_THAT(PluginPids(), ElementsAre(getpid()));
  }
  {
    const parallel_config scope({.backend = "loky", .n_jobs = 2});
    EXPECT_EQ(n_jobs(), 2);
    EXPECT_THAT(PluginPids(), AllOf(Not(Contains(getpid())), Not(IsEmpty())));
  }
  EXPECT_EQ(n_jobs(), 1);
}

TEST(CopiesTest, ThereIsOnePoolOfProcesses) {
  const parallel_config scope({.backend = "loky", .n_jobs = 2});
  EXPECT_THAT(OwnPids(), Not(IsEmpty()));
  EXPECT_TRUE(Eventually([] { return Children().size() == 2; }));
  const std::vector<std::int64_t> workers = Children();
  EXPECT_THAT(PluginPids(), AllOf(Not(IsEmpty()), IsSubsetOf(workers)));
  EXPECT_THAT(Children(), UnorderedElementsAreArray(workers));
  // And one end of it.
  InThePlugin<void()>("PluginShutdown")();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
  EXPECT_THAT(PluginPids(), Not(IsSubsetOf(workers)));
  shutdown();
  EXPECT_TRUE(Eventually([] { return Children().empty(); }));
}

TEST(CopiesTest, ForkedWorkersServeTheLibraryToo) {
  const parallel_config scope({.backend = "multiprocessing", .n_jobs = 2});
  EXPECT_THAT(PluginPids(), AllOf(Not(Contains(getpid())), Not(IsEmpty())));
}

TEST(CopiesTest, TheLibrarysExceptionsArriveAsTheyAre) {
  const auto failure = InThePlugin<const char*()>("PluginFailure");
  for (const char* backend : {"threading", "loky", "multiprocessing"}) {
    const parallel_config scope({.backend = backend, .n_jobs = 2});
    EXPECT_STREQ(failure(), "PluginError of the plugin") << backend;
  }
}

class OwnBackend final : public ThreadingBackend {};

TEST(CopiesTest, TheProgramsBackendIsKnownToTheLibrary) {
  const auto uses = InThePlugin<const char*(const char*)>("PluginUses");
  EXPECT_THAT(uses("copies_own"), HasSubstr("Invalid backend"));
  register_parallel_backend("copies_own", [](const BackendParams&) {
    return std::make_shared<OwnBackend>();
  });
  EXPECT_STREQ(uses("copies_own"), "");
}

TEST(CopiesTest, TheLibrarysWarningsComeToTheProgramsHandler) {
  const WarningCollector warnings;
  const auto nested = [](int) -> std::string {
    return InThePlugin<const char*(const char*)>("PluginUses")(
        "multiprocessing");
  };
  EXPECT_THAT(Parallel({.n_jobs = 2, .backend = "loky"}).map(nested, range(1)),
              ElementsAre(""));
  EXPECT_THAT(warnings.messages(), Contains(HasSubstr("below loky")));
  shutdown();
}

TEST(CopiesTest, ACallOfTheLibraryInATaskIsNested) {
  const auto others =
      Parallel({.n_jobs = 2, .backend = "loky"})
          .map(
              [](int) {
                return InThePlugin<int()>("PluginThreadsOfANestedCall")();
              },
              range(2));
  // On threads of the worker, not on processes below it.
  EXPECT_THAT(others, SizeIs(2));
  EXPECT_TRUE(Eventually([] { return Children().size() == 2; }));
  shutdown();
}

}  // namespace
}  // namespace joblib::testing
