// The page's calls: from host.mjs through the exported functions and back.
#include <cxxabi.h>
#include <emscripten/bind.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/errors.h"
#include "joblib/parallel_config.h"
#include "joblib/warnings.h"
#include "wasm/bindings/config_options.h"
#include "wasm/bindings/coordinator.h"
#include "wasm/bindings/function.h"
#include "wasm/bindings/page_call.h"

namespace joblib::wasm {
namespace internal {
namespace {

using emscripten::val;
using Clock = std::chrono::steady_clock;

// A frame of a page at 60 Hz: who is told more often shows nothing more.
constexpr std::chrono::milliseconds kTellEvery{16};
// Asking the page takes 1 ms.
constexpr std::chrono::milliseconds kAskEvery{40};

// The object whose methods host.mjs gives: settled, failed, progress, warning,
// isAborted.
val Host() { return val::module_property("host"); }

// "std::out_of_range", without what only libc++'s own versions add.
std::string TypeName(const std::exception& error) {
  const char* const raw = typeid(error).name();
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(raw, nullptr, nullptr, &status), &std::free);
  std::string name = status == 0 ? demangled.get() : raw;
  const std::string version = "std::__2::";
  for (std::size_t at = 0;
       (at = name.find(version, at)) != std::string::npos;) {
    name.replace(at, version.size(), "std::");
  }
  return name;
}

// What a page gets of an exception.
struct Failure {
  std::string name;
  std::string message;
};

Failure CurrentFailure() {
  try {
    throw;
  } catch (const RemoteError& error) {
    return {.name = error.type_name(), .message = error.what()};
  } catch (const std::exception& error) {
    return {.name = TypeName(error), .message = error.what()};
  } catch (...) {
    return {.name = "Error",
            .message = "an exception that is no std::exception"};
  }
}

void TellFailure(double id, const Failure& failure) {
  Host().call<void>("failed", id, val(failure.name), val(failure.message));
}

class Call {
 public:
  // Throws std::invalid_argument. On the host's thread.
  Call(double id, const std::string& name, const val& arguments,
       const val& options);

  double id() const { return id_; }
  StopSource& stop() { return stop_; }

  void Run();     // On the coordinator's thread.
  void Settle();  // On the host's.

  // On the thread that called Run; throws CancelledError.
  void Report(const Progress& progress);

 private:
  void HearOfAbort();
  void ThrowIfStopped();

  const double id_;
  const ConfigOptions options_;
  const std::unique_ptr<Work> work_;
  StopSource stop_;
  std::unique_ptr<Failure> failure_;
  Progress latest_ = {.done = 0, .total = -1};
  bool is_told_ = true;  // Of the latest.
  Clock::time_point told_at_;
  Clock::time_point asked_at_;
};

// The exported functions and the calls that have not settled. Only on the
// host's thread.
std::map<std::string, std::unique_ptr<ExportedFunction>>& Functions() {
  static auto* const functions =
      new std::map<std::string, std::unique_ptr<ExportedFunction>>;
  return *functions;
}

std::map<double, std::shared_ptr<Call>>& OpenCalls() {
  static auto* const calls = new std::map<double, std::shared_ptr<Call>>;
  return *calls;
}

// The call that runs, which any thread may ask for.
class Current {
 public:
  std::shared_ptr<Call> Get() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return call_;
  }
  void Set(std::shared_ptr<Call> call) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    call_ = std::move(call);
  }

 private:
  absl::Mutex mu_;
  std::shared_ptr<Call> call_ ABSL_GUARDED_BY(mu_);
};

Current& CurrentCall() {
  static auto* const current = new Current;
  return *current;
}

ExportedFunction& Find(const std::string& name) {
  const auto found = Functions().find(name);
  if (found != Functions().end()) return *found->second;
  std::string known;
  for (const auto& [other, _] : Functions()) {
    known += (known.empty() ? "" : ", ") + other;
  }
  throw std::invalid_argument("there is no function '" + name +
                              "' in this module; there are: " + known);
}

Call::Call(double id, const std::string& name, const val& arguments,
           const val& options)
    : id_(id),
      options_(ConfigOptionsFrom(options)),
      work_(Find(name).Bind(arguments)) {}

void Call::Run() {
  try {
    HearOfAbort();
    ThrowIfStopped();
    const parallel_config scope(options_);
    work_->Run();
  } catch (...) {
    failure_ = std::make_unique<Failure>(CurrentFailure());
  }
}

void Call::Settle() {
  if (!is_told_) {
    Host().call<void>("progress", id_, static_cast<double>(latest_.done),
                      static_cast<double>(latest_.total));
  }
  if (failure_ != nullptr) return TellFailure(id_, *failure_);
  try {
    const val result = work_->Result();
    Host().call<void>("settled", id_, result);
  } catch (...) {  // No memory for the result.
    TellFailure(id_, CurrentFailure());
  }
}

void Call::Report(const Progress& progress) {
  latest_ = progress;
  const Clock::time_point now = Clock::now();
  is_told_ = now - told_at_ >= kTellEvery;
  if (is_told_) {
    told_at_ = now;
    TellHost([id = id_, progress] {
      Host().call<void>("progress", id, static_cast<double>(progress.done),
                        static_cast<double>(progress.total));
    });
  }
  if (now - asked_at_ >= kAskEvery) {
    asked_at_ = now;
    HearOfAbort();
  }
  ThrowIfStopped();
}

void Call::HearOfAbort() {
  if (!HostIsFree() && Host().call<bool>("isAborted", id_)) {
    stop_.request_stop();
  }
}

void Call::ThrowIfStopped() {
  if (stop_.token().stop_requested()) {
    throw CancelledError("the page has aborted this call");
  }
}

void TellWarning(const Warning& warning) {
  const std::shared_ptr<Call> call = CurrentCall().Get();
  const double id = call != nullptr ? call->id() : -1;
  TellHost([id, warning] {
    Host().call<void>("warning", id, val(warning.category),
                      val(warning.message));
  });
}

void Start(double id, const std::string& name, const val& arguments,
           const val& options) {
  std::shared_ptr<Call> call;
  try {
    call = std::make_shared<Call>(id, name, arguments, options);
  } catch (...) {
    return TellFailure(id, CurrentFailure());
  }
  OpenCalls()[id] = call;
  RunThenDone(
      [call] {
        CurrentCall().Set(call);
        call->Run();
        CurrentCall().Set(nullptr);
      },
      [call] {
        OpenCalls().erase(call->id());
        call->Settle();
      });
}

// Of a call that has settled: nothing.
void RequestStop(double id) {
  const auto found = OpenCalls().find(id);
  if (found != OpenCalls().end()) found->second->stop().request_stop();
}

}  // namespace

void Export(const std::string& name, std::unique_ptr<ExportedFunction> f) {
  if (!Functions().emplace(name, std::move(f)).second) {
    throw std::logic_error("joblib::wasm::function: '" + name +
                           "' is exported twice");
  }
}

void RequireArguments(const val& arguments, std::size_t n) {
  if (n == 1) return;
  if (n == 0) {
    if (!arguments.isUndefined()) Refuse(arguments, "the argument", "expected");
    return;
  }
  if (LengthAt(arguments, "the list of arguments") != n) {
    Refuse(arguments, "the list of arguments",
           "of length " + std::to_string(n));
  }
}

val Argument(const val& arguments, std::size_t i, std::size_t n) {
  return n == 1 ? arguments : arguments[i];
}

}  // namespace internal

ProgressCallback progress() {
  const std::shared_ptr<internal::Call> call = internal::CurrentCall().Get();
  return [call](const Progress& progress) {
    if (call != nullptr) call->Report(progress);
  };
}

StopToken stop_token() {
  const std::shared_ptr<internal::Call> call = internal::CurrentCall().Get();
  return call != nullptr ? call->stop().token() : StopToken();
}

}  // namespace joblib::wasm

EMSCRIPTEN_BINDINGS(joblib_calls) {
  emscripten::function("start", &joblib::wasm::internal::Start);
  emscripten::function("requestStop", &joblib::wasm::internal::RequestStop);
  joblib::set_warning_handler(&joblib::wasm::internal::TellWarning);
}
