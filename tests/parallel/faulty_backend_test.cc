// Backends of users each of whose methods throws, one at a time.
#include "tests/parallel/faulty_backend.h"

#include <algorithm>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

using ::testing::ElementsAre;
using testing::FaultyBackend;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Planned;
using ::testing::SizeIs;
using testing::WarningCollector;

class FaultyBackendTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::shared_ptr<FaultyBackend> backend_ =
      std::make_shared<FaultyBackend>(GetParam());
  const WarningCollector warnings_;

  // What running the tasks, of which `failing` throws, ends with.
  template <class Run>
  std::string ErrorOf(Run run) {
    try {
      run();
      return "";
    } catch (const Planned& e) {
      return e.what();
    } catch (int) {
      return "task";
    }
  }
};

auto Tasks(int n, int failing = -1) {
  return each(range(n), [failing](int i) {
    return delayed([failing](int k) {
      if (k == failing) throw k;
      return k;
    })(i);
  });
}

TEST_P(FaultyBackendTest, ItsExceptionIsTheCallsError) {
  Parallel parallel({.n_jobs = 2, .backend = backend_, .timeout = 60});
  const bool throws = GetParam() != "abort_everything" &&
                      GetParam() != "supports_return_generator";
  EXPECT_EQ(ErrorOf([&] { parallel(Tasks(20)); }), throws ? GetParam() : "");
  // The object is free again, and the backend repaired works.
  backend_->Repair();
  EXPECT_THAT(parallel(Tasks(3)), ElementsAre(0, 1, 2));
  EXPECT_EQ(backend_->in_submit.most(), GetParam() == "" ? 0 : 1);
  EXPECT_THAT(warnings_.messages(), IsEmpty());
}

TEST_P(FaultyBackendTest, ATasksErrorComesFirst) {
  Parallel parallel({.n_jobs = 2, .backend = backend_, .timeout = 60});
  const bool late = GetParam() == "abort_everything" ||
                    GetParam() == "stop_call" || GetParam() == "terminate";
  const std::string error = ErrorOf([&] { parallel(Tasks(20, 0)); });
  if (late) {
    EXPECT_EQ(error, "task");
    EXPECT_THAT(warnings_.messages(), ElementsAre(HasSubstr(GetParam())));
  } else {
    EXPECT_NE(error, "");
  }
  backend_->Repair();
  EXPECT_THAT(parallel(Tasks(3)), ElementsAre(0, 1, 2));
}

TEST_P(FaultyBackendTest, Generators) {
  Parallel parallel({.n_jobs = 2, .backend = backend_, .timeout = 60});
  const bool throws = GetParam() != "abort_everything";
  EXPECT_EQ(ErrorOf([&] {
              for (int r : parallel.generator(Tasks(20))) (void)r;
            }),
            throws ? GetParam() : "");
  // Dropped half read: nothing is thrown by a destructor.
  backend_->submitted = 0;
  ErrorOf([&] {
    auto results = parallel.generator(Tasks(20));
    results.begin();
  });
  backend_->Repair();
  int n = 0;
  for (int r : parallel.generator(Tasks(20))) EXPECT_EQ(r, n++);
  EXPECT_EQ(n, 20);
}

TEST_P(FaultyBackendTest, Collect) {
  Parallel parallel({.n_jobs = 2, .backend = backend_});
  ErrorOf([&] { EXPECT_THAT(parallel.collect(Tasks(20)), SizeIs(20)); });
  backend_->Repair();
  EXPECT_THAT(parallel.collect(Tasks(20)), SizeIs(20));
}

TEST_P(FaultyBackendTest, Sessions) {
  Parallel parallel({.n_jobs = 2, .backend = backend_});
  ErrorOf([&] {
    auto session = parallel.session();
    ErrorOf([&] { parallel(Tasks(20)); });
    ErrorOf([&] { parallel(Tasks(20)); });
  });
  backend_->Repair();
  EXPECT_THAT(parallel(Tasks(3)), ElementsAre(0, 1, 2));
}

INSTANTIATE_TEST_SUITE_P(
    Every, FaultyBackendTest,
    ::testing::Values("effective_n_jobs", "configure", "start_call", "submit",
                      "after submit", "stop_call", "terminate",
                      "abort_everything", "get_nested_backend",
                      "supports_timeout", "supports_return_generator"),
    [](const auto& info) {
      std::string name = info.param;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

}  // namespace
}  // namespace joblib
