// Values that can't be: the error names the value and the way out, and nothing
// is lost.
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/backends/platform.h"
#include "joblib/joblib.h"
#include "native/capture_for_test.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

// The error, in whichever step it comes: the construction or the call.
std::function<void()> Call(ParallelOptions options) {
  return [options]() mutable {
    if (!options.n_jobs.is_set()) options.n_jobs = 2;
    if (!options.backend.is_set() && !options.prefer.is_set()) {
      options.backend = "threading";
    }
    Parallel{options}(each(
        range(3), [](int i) { return delayed([](int n) { return n; })(i); }));
  };
}

std::function<void()> Scope(ConfigOptions options) {
  return [options] {
    const parallel_config scope(options);
    Parallel().map([](int n) { return n; }, range(3));
  };
}

auto Says(const std::string& a, const std::string& b = "") {
  return ThrowsMessage<std::invalid_argument>(
      AllOf(HasSubstr(a), HasSubstr(b)));
}

TEST(BadInputTest, NJobs) {
  EXPECT_THAT(Call({.n_jobs = 0}),
              Says("n_jobs == 0 in Parallel has no meaning", "1"));
  EXPECT_THAT(Call({.n_jobs = 0.9}), Says("n_jobs == 0"));
  EXPECT_THAT(Call({.n_jobs = std::nan("")}), Says("n_jobs", "nan"));
  EXPECT_THAT(Call({.n_jobs = 1e300}), Says("n_jobs", "1e+300"));
  EXPECT_THAT(Call({.n_jobs = -std::numeric_limits<double>::infinity()}),
              Says("n_jobs", "-inf"));
  EXPECT_THAT(Scope({.backend = "threading", .n_jobs = 0}),
              Says("n_jobs == 0"));
  EXPECT_THAT([] { effective_n_jobs(0); }, Says("n_jobs == 0"));
}

TEST(BadInputTest, HugeNJobsStartNoMoreThanThereIsToDo) {
  const testing::WarningCollector warnings;
  for (const int n_jobs : {1 << 30, std::numeric_limits<int>::max()}) {
    Parallel parallel({.n_jobs = n_jobs, .backend = "threading"});
    EXPECT_THAT(parallel.map([](int n) { return n; }, range(3)),
                ElementsAre(0, 1, 2));
    int next = 0;
    for (const int r : parallel.generator(each(range(5), [](int i) {
           return delayed([](int n) { return n; })(i);
         }))) {
      EXPECT_EQ(r, next++);
    }
    EXPECT_EQ(next, 5);
  }
}

TEST(BadInputTest, Backend) {
  const auto lists_them =
      Says("Invalid backend: nope", "'sequential', 'threading'");
  EXPECT_THAT(Call({.backend = "nope"}), lists_them);
  EXPECT_THAT(Scope({.backend = "nope"}), lists_them);
  EXPECT_THAT([] { parallel_backend scope("nope"); }, lists_them);
  EXPECT_THAT(Call({.backend = std::shared_ptr<ThreadingBackend>()}),
              Says("Invalid backend: "));
  EXPECT_THAT([] { register_parallel_backend("empty", nullptr); },
              Says("'empty'", "function"));
  register_parallel_backend("null", [](const BackendParams&) {
    return std::shared_ptr<ParallelBackendBase>();
  });
  EXPECT_THAT(Call({.backend = "null"}), Says("'null'", "no backend"));
}

TEST(BadInputTest, PreferAndRequire) {
  EXPECT_THAT(Call({.prefer = "gpu"}),
              Says("prefer=gpu is not a valid backend hint", "'threads'"));
  EXPECT_THAT(
      Call({.require = "speed"}),
      Says("require=speed is not a valid backend constraint", "'sharedmem'"));
  EXPECT_THAT(Call({.prefer = "processes", .require = "sharedmem"}),
              Says("prefer == 'processes' and require == 'sharedmem' are "
                   "inconsistent settings"));
  EXPECT_THAT(Scope({.prefer = "gpu"}), Says("prefer=gpu"));
  EXPECT_THAT(Scope({.require = "speed"}), Says("require=speed"));
}

TEST(BadInputTest, BatchSize) {
  EXPECT_THAT(Call({.batch_size = 0}),
              Says("batch_size must be 'auto' or a positive integer, got: 0"));
  EXPECT_THAT(Call({.batch_size = -1}), Says("batch_size", "got: -1"));
  EXPECT_THAT(Call({.batch_size = "big"}), Says("batch_size", "got: 'big'"));
  EXPECT_THAT(Call({.batch_size = none}), Says("batch_size", "None"));
}

TEST(BadInputTest, HugeBatchSizesAreOneBatch) {
  for (const std::int64_t batch_size :
       {std::int64_t{1} << 31, std::int64_t{1} << 62}) {
    Parallel parallel(
        {.n_jobs = 2, .backend = "threading", .batch_size = batch_size});
    EXPECT_THAT(parallel.map([](int n) { return n; }, range(3)),
                ElementsAre(0, 1, 2));
  }
}

TEST(BadInputTest, PreDispatch) {
  if (!internal::ThreadsAvailable()) {
    GTEST_SKIP() << "a plain loop takes no notice of it, as in joblib";
  }
  const std::pair<const char*, const char*> texts_and_values[] = {
      {"2*", "'2*'"},
      {"__import__('os')", "__import__"},
      {"1/0", "'1/0'"},
      {"1e30*n_jobs", "1e+30"},
      {"", "''"},
      {"n_jobs.real", ".real"},
      {"()", "()"},
      {"-1", "-1"},
      {"0", "0"},
      {"0 * n_jobs", "0 * n_jobs"},
      {"n_jobs - 2", "n_jobs - 2"},
      {"2 ** 2 ** 2 ** 2 ** 2 ** 2", "2**65536"},
  };
  for (const auto& [text, value] : texts_and_values) {
    EXPECT_THAT(Call({.pre_dispatch = text}), Says("pre_dispatch", value))
        << text;
  }
  EXPECT_THAT(Call({.pre_dispatch = 0}), Says("pre_dispatch", "got: 0"));
  EXPECT_THAT(Call({.pre_dispatch = -5}), Says("pre_dispatch", "got: -5"));
  EXPECT_THAT(Call({.pre_dispatch = none}), Says("pre_dispatch", "None"));
}

TEST(BadInputTest, HostilePreDispatchTextsEndSoon) {
  if (!internal::ThreadsAvailable()) {
    GTEST_SKIP() << "a plain loop takes no notice of it, as in joblib";
  }
  const std::string deep =
      std::string(100000, '(') + "1" + std::string(100000, ')');
  EXPECT_THAT(Call({.pre_dispatch = deep}), Says("pre_dispatch"));
  std::string long_sum = "1";
  while (long_sum.size() < (1 << 20)) long_sum += "+1";
  // A megabyte of text: refused, or evaluated, but not a megabyte of error.
  try {
    Call({.pre_dispatch = long_sum})();
  } catch (const std::invalid_argument& e) {
    EXPECT_LT(std::string(e.what()).size(), 10000);
  }
  const std::string noise(1 << 20, 'x');
  try {
    Call({.pre_dispatch = noise})();
    ADD_FAILURE();
  } catch (const std::invalid_argument& e) {
    EXPECT_LT(std::string(e.what()).size(), 10000);
  }
}

TEST(BadInputTest, MemoryMapping) {
  for (const std::string text : {"12Q", "-1M", "99999999999999999999G", ""}) {
    EXPECT_THAT(Call({.max_nbytes = text}), Says(text)) << text;
  }
  EXPECT_THAT(Call({.max_nbytes = -1}), Says("max_nbytes", "-1"));
  EXPECT_THAT(Call({.mmap_mode = "x"}), Says("mmap_mode", "got: 'x'"));
  EXPECT_THAT(Call({.mmap_mode = "x"}), Says("'r+'"));
}

TEST(BadInputTest, Deadlines) {
  EXPECT_THAT(Call({.timeout = -1}), Says("timeout", "-1"));
  EXPECT_THAT(Call({.timeout = std::nan("")}), Says("timeout", "nan"));
  EXPECT_THAT(Call({.task_timeout = -0.5}), Says("task_timeout", "-0.5"));
  EXPECT_NO_THROW(Call({.timeout = std::numeric_limits<double>::infinity(),
                        .task_timeout = 1e300})());
}

TEST(BadInputTest, OurOwnOptions) {
  EXPECT_THAT(Call({.max_retries = -1}), Says("max_retries", "-1"));
  EXPECT_THAT(Call({.inner_max_num_threads = 0}),
              Says("inner_max_num_threads", "0"));
  EXPECT_THAT(Call({.trace = "/no/such/folder/trace.json"}),
              Says("/no/such/folder/trace.json", "folder"));
  EXPECT_THAT(Call({.backend_params = {{"caller_runs", "maybe"}}}),
              Says("caller_runs", "true or false"));
}

TEST(BadInputTest, HugeVerboseIsVeryVerbose) {
  for (const std::int64_t verbose :
       {std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()}) {
    native::OutputCapture capture;
    Call({.verbose = verbose})();
    const std::string text = capture.End().out;
    EXPECT_EQ(text.empty(), verbose < 0);
    parallel_config scope({.verbose = verbose});
    EXPECT_NO_THROW(get_active_backend());
  }
}

TEST(BadInputTest, ParametersWithoutABackend) {
  EXPECT_THAT(Scope({.backend_params = {{"caller_runs", true}}}),
              Says("backend_params are only supported when backend is not "
                   "None"));
  EXPECT_THAT(Scope({.inner_max_num_threads = 2}),
              Says("only supported when backend is not None"));
  EXPECT_THAT(Scope({.backend = std::make_shared<ThreadingBackend>(),
                     .backend_params = {{"caller_runs", true}}}),
              Says("only supported when backend is a string"));
  EXPECT_THAT(Scope({.backend = "threading", .inner_max_num_threads = 2}),
              Says("ThreadingBackend does not accept setting the "
                   "inner_max_num_threads argument."));
}

TEST(BadInputTest, AScopeThatThrowsChangesNothing) {
  parallel_config outer({.backend = "threading", .n_jobs = 3});
  EXPECT_THROW(parallel_config({.backend = "nope", .n_jobs = 4}),
               std::invalid_argument);
  EXPECT_EQ(get_active_backend().n_jobs.value().value, 3);
}

TEST(BadInputTest, UnknownParametersWarnWithTheKnownOnes) {
  const testing::WarningCollector warnings;
  Parallel({.n_jobs = 2,
            .backend = "threading",
            .backend_params = {{"colour", "red"}}})
      .map([](int n) { return n; }, range(2));
  EXPECT_THAT(
      warnings.messages(),
      ElementsAre(AllOf(HasSubstr("'colour'"), HasSubstr("'caller_runs'"))));
}

TEST(BadInputTest, WhatTheWarningHandlerThrowsAtConstructionIsTheError) {
  const WarningHandler former =
      set_warning_handler([](const Warning& w) { throw w; });
  EXPECT_THROW(
      Parallel({.backend = "threading", .backend_params = {{"colour", "red"}}}),
      Warning);
  EXPECT_THROW(parallel_config({.backend = "threading",
                                .backend_params = {{"colour", "red"}}}),
               Warning);
  set_warning_handler(former);
  EXPECT_EQ(get_active_backend().backend->backend_params().size(), 0);
}

TEST(BadInputTest, ClustersNeedProcesses) {
  if (internal::OwnPlatform().processes) GTEST_SKIP() << "there are some";
  const auto needs_processes = [] {
    return ThrowsMessage<std::runtime_error>(HasSubstr("need processes"));
  };
  EXPECT_THAT([] { register_ray(); }, needs_processes());
  EXPECT_THAT([] { dask::LocalCluster cluster; }, needs_processes());
}

TEST(BadInputTest, ALocalClusterHasAtLeastOneWorker) {
  EXPECT_THROW(dask::LocalCluster({.n_workers = -1}), std::invalid_argument);
  EXPECT_THROW(dask::LocalCluster({.threads_per_worker = 0}),
               std::invalid_argument);
}

}  // namespace
}  // namespace joblib
