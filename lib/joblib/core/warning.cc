#include "joblib/core/warning.h"

#include <cstdio>
#include <memory>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/const_init.h"
#include "absl/synchronization/mutex.h"
#include "joblib/core/first_copy.h"

namespace joblib {
namespace internal {
namespace {

ABSL_CONST_INIT absl::Mutex mu(absl::kConstInit);
// Never destroyed: static destructors may warn too.
std::shared_ptr<const WarningHandler>* handler ABSL_GUARDED_BY(mu) = nullptr;

void PrintWarning(const Warning& warning) {
  const std::string line = warning.category + ": " + warning.message + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

WarningHandler SetHandler(WarningHandler new_handler) {
  auto next = std::make_shared<const WarningHandler>(std::move(new_handler));
  absl::MutexLock lock(&mu);
  if (handler == nullptr) {
    handler = new std::shared_ptr<const WarningHandler>(
        std::make_shared<const WarningHandler>());
  }
  handler->swap(next);
  return *next;
}

void Emit(const Warning& warning) {
  std::shared_ptr<const WarningHandler> current;
  {
    absl::MutexLock lock(&mu);
    if (handler != nullptr) current = *handler;
  }
  if (current != nullptr && *current) {
    (*current)(warning);
  } else {
    PrintWarning(warning);
  }
}

struct WarningFunctions {
  WarningHandler (*set_handler)(WarningHandler);
  void (*emit)(const Warning&);
};

}  // namespace

JOBLIB_COPY_OF("warnings", WarningFunctions, joblib_copy_warnings,
               {SetHandler, Emit})

namespace {
const WarningFunctions& TheWarnings() {
  static const WarningFunctions& first =
      FirstCopy("warnings", joblib_copy_warnings);
  return first;
}
}  // namespace

void EmitWarning(const Warning& warning) { TheWarnings().emit(warning); }

void Warn(const std::string& message) { EmitWarning({"UserWarning", message}); }

void WarnQuietly(const std::string& message) noexcept {
  try {
    Warn(message);
  } catch (...) {
  }
}

}  // namespace internal

WarningHandler set_warning_handler(WarningHandler new_handler) {
  return internal::TheWarnings().set_handler(std::move(new_handler));
}

}  // namespace joblib
