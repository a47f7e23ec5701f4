// `trace` and JOBLIB_TRACE: a file in Trace Event Format's array form, which
// Perfetto and chrome://tracing open.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "native/thread.h"
#include "tests/conformance/json.h"
#include "tests/testing/scoped_env.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using conformance::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::ScopedEnv;
using ::testing::SizeIs;
using ::testing::ThrowsMessage;
using testing::WarningCollector;

// A path of its own for each test: a process keeps the files that it made.
std::string FreshPath() {
  static int n = 0;
  return ::testing::TempDir() + "/trace_" + std::to_string(++n) + ".json";
}

// The events of a file; a failure if it isn't JSON.
Json::Items EventsOf(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  absl::StatusOr<Json> json = Json::Parse(text.str());
  EXPECT_TRUE(json.ok()) << json.status() << "\n" << text.str();
  return json.ok() ? json->items() : Json::Items();
}

std::int64_t ArgumentOf(const Json& event, const char* name) {
  return event["args"][name].integer();
}
bool IsFailed(const Json& event) {
  const Json* failed = event["args"].Find("failed");
  return failed != nullptr && failed->boolean();
}
// In the clock of the events' "ts".
double NowInMicroseconds() {
  return std::chrono::duration<double, std::micro>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// What the tasks of a call say of themselves.
class Diary {
 public:
  struct Entry {
    std::uint64_t thread;
    int worker;
    double begin, end;  // Inside the task.
  };
  // In a task. Throws for every `failing`th one.
  int Run(int task, int failing) {
    Entry entry = {native::ThisThreadId(), worker_index(), NowInMicroseconds(),
                   0};
    entry.end = NowInMicroseconds();
    const std::lock_guard<std::mutex> lock(mutex_);
    entries_.emplace(task, entry);
    if (failing > 0 && task % failing == failing - 1) throw task;
    return task;
  }
  const std::multimap<std::int64_t, Entry>& entries() const { return entries_; }

 private:
  std::mutex mutex_;
  std::multimap<std::int64_t, Entry> entries_;
};

auto Tasks(Diary& diary, int n, int failing = 0) {
  return each(range(n), [&diary, failing](int i) {
    return delayed(
        [&diary, failing](int task) { return diary.Run(task, failing); })(i);
  });
}

// Each task that ran has one event, which says where and when.
void ExpectTold(const Json::Items& events, const Diary& diary) {
  std::set<std::int64_t> told;
  for (const Json& event : events) {
    const std::int64_t task = ArgumentOf(event, "task");
    EXPECT_TRUE(told.insert(task).second) << task << " is told twice";
    ASSERT_EQ(diary.entries().count(task), 1) << task;
    const Diary::Entry& entry = diary.entries().find(task)->second;
    EXPECT_EQ(event["ph"].text(), "X");
    EXPECT_EQ(event["name"].text(), "task " + std::to_string(task));
    EXPECT_EQ(event["pid"].integer(), native::ProcessId());
    EXPECT_EQ(event["tid"].integer(), entry.thread);
    EXPECT_EQ(ArgumentOf(event, "worker"), entry.worker);
    // A microsecond for the rounding of what is written.
    EXPECT_LE(event["ts"].number(), entry.begin + 1);
    EXPECT_GE(event["ts"].number() + event["dur"].number(), entry.end - 1);
  }
  EXPECT_EQ(told.size(), diary.entries().size());
}

struct Backend {
  std::string backend;
  int n_jobs;
};
class TraceTest : public ::testing::TestWithParam<Backend> {
 protected:
  Parallel Traced(const std::string& path) const {
    return Parallel({.n_jobs = GetParam().n_jobs,
                     .backend = GetParam().backend,
                     .trace = path});
  }
};

TEST_P(TraceTest, EachTaskIsOneEventWithItsPlaceAndTime) {
  const std::string path = FreshPath();
  Diary diary;
  const double before = NowInMicroseconds();
  Traced(path)(Tasks(diary, 200));
  const double after = NowInMicroseconds();
  const Json::Items events = EventsOf(path);
  EXPECT_THAT(events, SizeIs(200));
  ExpectTold(events, diary);
  for (const Json& event : events) {
    EXPECT_GE(event["ts"].number(), before - 1);
    EXPECT_LE(event["ts"].number() + event["dur"].number(), after + 1);
    EXPECT_FALSE(IsFailed(event));
  }
}

TEST_P(TraceTest, ATaskThatEndsTheCallIsMarkedAsFailed) {
  const std::string path = FreshPath();
  Diary diary;
  Parallel parallel = Traced(path);
  EXPECT_THROW(parallel(Tasks(diary, 100, /*failing=*/30)), int);
  const Json::Items events = EventsOf(path);
  ExpectTold(events, diary);
  int failed = 0;
  for (const Json& event : events) {
    if (!IsFailed(event)) continue;
    ++failed;
    EXPECT_EQ(ArgumentOf(event, "task") % 30, 29);
  }
  EXPECT_GE(failed, 1);
}

TEST_P(TraceTest, CollectTellsOfAllTasksAndMarksTheFailedOnes) {
  const std::string path = FreshPath();
  Diary diary;
  Parallel parallel = Traced(path);
  parallel.collect(Tasks(diary, 100, /*failing=*/10));
  const Json::Items events = EventsOf(path);
  EXPECT_THAT(events, SizeIs(100));
  ExpectTold(events, diary);
  for (const Json& event : events) {
    EXPECT_EQ(IsFailed(event), ArgumentOf(event, "task") % 10 == 9);
  }
}

TEST_P(TraceTest, ATaskWhoseTimeIsOverIsMarkedAsFailed) {
  const std::string path = FreshPath();
  Parallel({.n_jobs = GetParam().n_jobs,
            .backend = GetParam().backend,
            .task_timeout = 0.5,
            .trace = path})
      .collect(each(range(4), [](int i) {
        return delayed([](int task) {
          while (task == 2 && !stop_requested()) std::this_thread::yield();
        })(i);
      }));
  const Json::Items events = EventsOf(path);
  EXPECT_THAT(events, SizeIs(4));
  for (const Json& event : events) {
    EXPECT_EQ(IsFailed(event), ArgumentOf(event, "task") == 2);
  }
}

TEST_P(TraceTest, GeneratorsTellOfTheTasksThatRan) {
  const std::string path = FreshPath(), dropped_path = FreshPath();
  Diary diary, dropped_diary;
  for (const int result : Traced(path).generator(Tasks(diary, 50))) {
    EXPECT_GE(result, 0);
  }
  EXPECT_THAT(EventsOf(path), SizeIs(50));
  ExpectTold(EventsOf(path), diary);
  {
    const WarningCollector warnings;  // Of unused results.
    auto dropped = Traced(dropped_path).generator(Tasks(dropped_diary, 50));
    dropped.begin();
  }
  ExpectTold(EventsOf(dropped_path), dropped_diary);
}

TEST_P(TraceTest, CallsShareAFileAndAreTellable) {
  const std::string path = FreshPath();
  Diary first, second;
  Parallel parallel = Traced(path);
  parallel(Tasks(first, 20));
  ExpectTold(EventsOf(path), first);  // Complete after each call.
  Traced(path)(Tasks(second, 30));
  std::map<std::int64_t, Json::Items> calls;
  for (const Json& event : EventsOf(path)) {
    calls[ArgumentOf(event, "call")].push_back(event);
  }
  ASSERT_THAT(calls, SizeIs(2));
  ExpectTold(calls.begin()->second, first);
  ExpectTold(calls.rbegin()->second, second);
}

TEST_P(TraceTest, NestedCallsWriteWhileOthersDo) {
  const std::string path = FreshPath();
  const ScopedEnv variable("JOBLIB_TRACE", path);
  Parallel({.n_jobs = GetParam().n_jobs, .backend = GetParam().backend})(
      each(range(6), [](int) {
        return delayed([] {
          Parallel({.n_jobs = 2, .prefer = "threads"})(
              each(range(5), [](int) { return delayed([] {})(); }));
        })();
      }));
  std::map<std::int64_t, std::set<std::int64_t>> tasks_of;
  const Json::Items events = EventsOf(path);
  EXPECT_THAT(events, SizeIs(6 + 6 * 5));
  for (const Json& event : events) {
    EXPECT_TRUE(tasks_of[ArgumentOf(event, "call")]
                    .insert(ArgumentOf(event, "task"))
                    .second);
  }
  EXPECT_THAT(tasks_of, SizeIs(1 + 6));
}

TEST_P(TraceTest, ACallWithoutTasksLeavesAnEmptyList) {
  const std::string path = FreshPath();
  Diary diary;
  Traced(path)(Tasks(diary, 0));
  EXPECT_THAT(EventsOf(path), IsEmpty());
}

TEST_P(TraceTest, TheOptionWinsOverTheVariable) {
  const std::string option = FreshPath(), variable_path = FreshPath();
  const ScopedEnv variable("JOBLIB_TRACE", variable_path);
  Diary diary;
  Traced(option)(Tasks(diary, 3));
  Parallel({.n_jobs = GetParam().n_jobs,
            .backend = GetParam().backend,
            .trace = none})(Tasks(diary, 3));
  EXPECT_THAT(EventsOf(option), SizeIs(3));
  EXPECT_FALSE(std::ifstream(variable_path).is_open());
}

TEST_P(TraceTest, APathThatCantBeWrittenIsTheCallsErrorAndRunsNothing) {
  const std::string path = ::testing::TempDir() + "/no such folder/t.json";
  Diary diary;
  Parallel parallel = Traced(path);
  for (int again = 0; again < 2; ++again) {
    EXPECT_THAT([&] { parallel(Tasks(diary, 3)); },
                ThrowsMessage<std::invalid_argument>(::testing::AllOf(
                    HasSubstr("trace"), HasSubstr("'" + path + "'"))));
    EXPECT_THROW(
        {
          for (int result : parallel.generator(Tasks(diary, 3))) (void)result;
        },
        std::invalid_argument);
  }
  EXPECT_THAT(diary.entries(), IsEmpty());
}

TEST_P(TraceTest, AFullDiskEndsTheTraceWithOneWarningAndNoCall) {
  const std::string full = "/dev/full";
  if (!internal::ProcessesAvailable() || !std::ifstream(full).is_open()) {
    GTEST_SKIP() << "no such device";
  }
  // A spelling of its own for each backend: a path warns once.
  const std::string path = "/dev/" + std::string(GetParam().n_jobs, '/') +
                           (GetParam().backend == "threading" ? "./" : "") +
                           "full";
  const WarningCollector warnings;
  for (int again = 0; again < 2; ++again) {
    Diary diary;
    EXPECT_THAT(Traced(path)(Tasks(diary, 3)), ElementsAre(0, 1, 2));
  }
  EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("'" + path + "'")));
}

INSTANTIATE_TEST_SUITE_P(Backends, TraceTest,
                         ::testing::Values(Backend{"sequential", 1},
                                           Backend{"threading", 1},
                                           Backend{"threading", 3}),
                         [](const auto& info) {
                           return info.param.backend +
                                  std::to_string(info.param.n_jobs);
                         });

}  // namespace
}  // namespace joblib
