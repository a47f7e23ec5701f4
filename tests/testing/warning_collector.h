// WarningCollector: takes joblib's warnings for as long as it lives.
//
//   WarningCollector warnings;
//   ...
//   EXPECT_THAT(warnings.messages(), ElementsAre(HasSubstr("timeout")));
//
// Thread-safety: warnings may come from any thread.
#ifndef JOBLIB_TESTS_TESTING_WARNING_COLLECTOR_H_
#define JOBLIB_TESTS_TESTING_WARNING_COLLECTOR_H_

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "joblib/joblib.h"

namespace joblib::testing {

class WarningCollector {
 public:
  WarningCollector()
      : former_(set_warning_handler([kept = kept_](const Warning& warning) {
          const std::lock_guard<std::mutex> lock(kept->mutex);
          kept->messages.push_back(warning.message);
        })) {}
  WarningCollector(const WarningCollector&) = delete;
  ~WarningCollector() { set_warning_handler(std::move(former_)); }

  std::vector<std::string> messages() const {
    const std::lock_guard<std::mutex> lock(kept_->mutex);
    return kept_->messages;
  }

 private:
  struct Kept {
    std::mutex mutex;
    std::vector<std::string> messages;
  };
  // Shared: a thread may be in the handler when it is replaced.
  const std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
  WarningHandler former_;
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_WARNING_COLLECTOR_H_
