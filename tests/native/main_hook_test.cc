// The test is its own worker. Programs that are no test: hook_program_test.

#include "native/main_hook.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "native/environment.h"
#include "tests/native/own_worker.h"

namespace joblib::native {
namespace {

// What the first constructor of this program saw.
struct Seen {
  bool looked = false, is_worker = false, main_has_begun = false;
  bool hook_active = false, has_marker = false;
};
constinit Seen early = {};
[[gnu::constructor(101)]] void LookFirst() {
  early = {.looked = true,
           .is_worker = IsWorker(),
           .main_has_begun = MainHasBegun(),
           .hook_active = HookActive(),
           .has_marker = GetEnv("JOBLIB_WORKER").has_value()};
}

// Built by a constructor of this program.
const std::string built = absl::StrCat("built", " by a constructor");

TEST(MainHookTest, TheProgramItselfIsNoWorker) {
  EXPECT_TRUE(HookActive());
  EXPECT_FALSE(IsWorker());
  EXPECT_TRUE(MainHasBegun());
  EXPECT_TRUE(early.looked && early.hook_active);
  EXPECT_FALSE(early.is_worker || early.main_has_begun);
}

TEST(MainHookTest, AWorkerRunsAfterAllConstructorsAndInsteadOfMain) {
  OwnWorker worker;
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart& start) {
                    page.SetText(built);
                    page.numbers[0] = start.nonce == OwnWorker::kNonce;
                    page.numbers[1] = IsWorker();
                    page.numbers[2] = HookActive();
                    page.numbers[3] = MainHasBegun();
                  })
                  .ok());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
  EXPECT_EQ(worker.page().text, built);
  EXPECT_TRUE(worker.page().numbers[0]);
  EXPECT_TRUE(worker.page().numbers[1]);
  EXPECT_TRUE(worker.page().numbers[2]);
  EXPECT_FALSE(worker.page().numbers[3]);
}

TEST(MainHookTest, AWorkerIsOneFromTheFirstConstructorOn) {
  OwnWorker worker;
  ASSERT_TRUE(worker
                  .Start([](WorkerPage& page, const WorkerStart&) {
                    page.numbers[0] = early.is_worker;
                    page.numbers[1] = early.main_has_begun;
                    page.numbers[2] = early.has_marker;
                    page.numbers[3] = early.hook_active;
                  })
                  .ok());
  worker.WaitForEnd();
  EXPECT_TRUE(worker.page().numbers[0]);
  EXPECT_FALSE(worker.page().numbers[1]);
  EXPECT_FALSE(worker.page().numbers[2]) << "what it starts would be a worker";
  EXPECT_TRUE(worker.page().numbers[3]);
}

TEST(MainHookTest, WhatAWorkerStartsInheritsNothingOfOurs) {
  OwnWorker worker;
  ASSERT_TRUE(
      worker
          .Start([](WorkerPage& page, const WorkerStart& start) {
            int i = 0;
            for (const int fd : {start.channel, start.socket, start.bells}) {
              page.numbers[i++] = fcntl(fd, F_GETFD);
            }
            std::string ours;
            for (const std::string& entry : Environment()) {
              if (absl::StrContains(entry, "JOBLIB_")) ours += entry;
            }
            page.SetText(ours);
          })
          .ok());
  worker.WaitForEnd();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(worker.page().numbers[i], FD_CLOEXEC) << i;
  }
  EXPECT_STREQ(worker.page().text, "");
}

TEST(MainHookTest, WhatWasPreloadedForTheWorkerIsRestored) {
  struct Case {
    std::vector<std::string> given;
    std::string restored;
  };
  const std::vector<Case> cases = {
      {{"LD_PRELOAD=libm.so.6:libdl.so.2",
        "JOBLIB_LD_PRELOAD_WAS=LD_PRELOAD=libdl.so.2"},
       "LD_PRELOAD=libdl.so.2\n"},
      {{"LD_PRELOAD=libm.so.6", "JOBLIB_LD_PRELOAD_WAS="}, ""},
      {{"LD_PRELOAD=libm.so.6"}, "LD_PRELOAD=libm.so.6\n"}};
  for (const Case& one : cases) {
    OwnWorker worker;
    auto environment = worker.MakeEnvironment({});
    ASSERT_TRUE(environment.ok());
    environment->insert(environment->begin(), one.given.begin(),
                        one.given.end());
    environment->push_back("ASAN_OPTIONS=verify_asan_link_order=0");
    ASSERT_TRUE(worker
                    .StartWith(
                        [](WorkerPage& page, const WorkerStart&) {
                          std::string preloads;
                          for (const std::string& entry : Environment()) {
                            if (absl::StrContains(entry, "LD_PRELOAD")) {
                              absl::StrAppend(&preloads, entry, "\n");
                            }
                          }
                          page.numbers[0] = GetEnv("ASAN_OPTIONS").has_value();
                          page.SetText(preloads);
                        },
                        *environment)
                    .ok());
    EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
    EXPECT_EQ(worker.page().text, one.restored);
    EXPECT_TRUE(worker.page().numbers[0]) << "what comes behind is lost";
  }
}

TEST(MainHookTest, TheEnvironmentIsTheGivenOneAndTheMarker) {
  OwnWorker worker;
  const auto environment = worker.MakeEnvironment(
      {"A=1", "JOBLIB_WORKER=stale", "LD_PRELOAD=theirs", "B=2"});
  ASSERT_TRUE(environment.ok());
  ASSERT_EQ(environment->size(), 4U);
  EXPECT_EQ((*environment)[0], "A=1");
  EXPECT_EQ((*environment)[1], "LD_PRELOAD=theirs");
  EXPECT_EQ((*environment)[2], "B=2");
  EXPECT_TRUE(absl::StartsWith((*environment)[3], "JOBLIB_WORKER=1,"));
}

TEST(MainHookTest, AWorkerOfAnotherVersionEndsInsteadOfRunningMain) {
  OwnWorker worker;
  auto environment = worker.MakeEnvironment({});
  ASSERT_TRUE(environment.ok());
  std::string& marker = environment->back();
  marker = marker.substr(0, marker.rfind(',')) + ",12345";
  ASSERT_TRUE(
      worker.StartWith([](WorkerPage&, const WorkerStart&) {}, *environment)
          .ok());
  EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(3)");
}

TEST(MainHookTest, AWorkerWhoseParentIsGoneEnds) {
  OwnWorker worker;
  auto environment = worker.MakeEnvironment({});
  ASSERT_TRUE(environment.ok());
  // The other end of a socket that nobody holds; the worker's own is open.
  int lonely = -1;
  {
    auto pair = DescriptorSocket::Pair();
    ASSERT_TRUE(pair.ok());
    lonely = dup(pair->first.fd());
  }
  WorkerStart start = worker.start();
  start.socket = lonely;
  const auto with_lonely = WorkerEnvironment(start, {});
  ASSERT_TRUE(with_lonely.ok());
  auto process =
      ChildProcess::Start({.environment = *with_lonely,
                           .surroundings = nullptr,
                           .descriptors = {start.channel, start.bells, lonely},
                           .socket = worker.start().socket});
  ASSERT_TRUE(process.ok()) << process.status();
  while (!process->Poll().has_value()) usleep(1000);
  EXPECT_EQ(ChildProcess::Describe(*process->Poll()), "EXIT(0)");
  EXPECT_EQ(worker.page().reached, 0U);
  close(lonely);
}

}  // namespace
}  // namespace joblib::native
