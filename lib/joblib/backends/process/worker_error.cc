#include "joblib/backends/process/worker_error.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "joblib/core/errors.h"
#include "native/environment.h"

namespace joblib::internal {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kShownFrames = 12;

constexpr double kStartSeconds = 60;
constexpr double kWarnedAfter = 1. / 6;  // Of the limit.
constexpr double kMaxSeconds = 1e6;

// After the program's path.
constexpr char kWhatAWorkerIs[] =
    "): static constructors run again in each worker; main() does not. ";

// Also a TaskFailure, so that one handler finds the task of any failure.
class TaskTerminatedError final : public TerminatedWorkerError,
                                  public TaskFailure {
 public:
  TaskTerminatedError(const std::string& message, std::int64_t task, int signal,
                      int exit_code, std::int64_t completed, std::int64_t pid,
                      int attempt)
      : TerminatedWorkerError(message, task, signal, exit_code, completed),
        TaskFailure(task, static_cast<int>(pid), attempt) {}
  using TerminatedWorkerError::task_index;
};

std::string HowItEnded(const WorkerLink& link) {
  const native::ExitStatus& end = link.end;
  if (link.was_lost) {
    return "it was killed, having closed its connection to this program: a "
           "task called exec(), or closed descriptors that it had not opened";
  }
  if (!end.known) {
    return "its status is unknown: the program itself reaped it (it ignores "
           "SIGCHLD, or waits for any child)";
  }
  std::string text = native::ChildProcess::Describe(end);
  if (end.signal == SIGKILL) {
    absl::StrAppend(&text,
                    ", which nobody here sent: the system was possibly out of "
                    "memory");
  }
  if (end.signal == SIGBUS) {
    absl::StrAppend(&text,
                    ", as where a file was made shorter while an array maps "
                    "it, or where a disk is full");
  }
  return text;
}

// What the worker's crash handler could still write: memory of a program gone
// wild, so that only what can be printed is.
std::string Backtrace(const WorkerLink& link) {
  const ChannelHeader& header = link.channel().header();
  // A copy: a process that it forked may still write there.
  const std::string written(
      header.crash_text,
      std::min(header.crash_used.load(std::memory_order_acquire), kCrashBytes));
  std::string text;
  int lines = 0;
  for (const std::string_view line :
       absl::StrSplit(written, '\n', absl::SkipEmpty())) {
    // From there on it is how any task is run.
    if (lines > 0 && absl::StartsWith(line, "joblib::internal::")) break;
    if (lines++ == kShownFrames) break;
    absl::StrAppend(&text, "\n    ");
    for (const char c : line)
      text += absl::ascii_isprint(static_cast<unsigned char>(c)) ? c : '?';
  }
  return text.empty() ? text : absl::StrCat("\nIt crashed in", text);
}

std::optional<HelloLimits> LimitsOfEnvironment() {
  // A person is slower.
  if (native::GetEnv("JOBLIB_WORKER_WAIT_FOR_DEBUGGER").value_or("0") != "0") {
    return std::nullopt;
  }
  double seconds = kStartSeconds;
  const std::optional<std::string> text =
      native::GetEnv("JOBLIB_WORKER_START_TIMEOUT");
  if (text.has_value() && (!absl::SimpleAtod(*text, &seconds) ||
                           !(seconds >= 0) || seconds > kMaxSeconds)) {
    std::fprintf(stderr,
                 "joblib: JOBLIB_WORKER_START_TIMEOUT=%s is no number of "
                 "seconds: it is ignored\n",
                 text->c_str());
    seconds = kStartSeconds;
  }
  if (seconds == 0) return std::nullopt;
  const auto duration = [](double n) {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(n));
  };
  return HelloLimits{duration(seconds * kWarnedAfter), duration(seconds)};
}

}  // namespace

std::exception_ptr TerminatedError(const WorkerLink& link, std::int64_t task,
                                   int attempt, std::int64_t completed) {
  const native::ExitStatus& end = link.end;
  const std::string exit_codes =
      end.known ? native::ChildProcess::Describe(end) : "UNKNOWN";
  const std::string message = absl::StrCat(
      "A worker process managed by the executor was unexpectedly terminated. "
      "This could be caused by a segmentation fault while calling the function "
      "or by an excessive memory usage causing the Operating System to kill "
      "the worker.\n\nThe exit codes of the workers are {",
      exit_codes, "}\n",
      task >= 0 ? absl::StrCat("Task ", task, " was running on it")
                : "No task was running on it",
      " (process ", link.pid.load(), attempt > 1 ? ", attempt " : "",
      attempt > 1 ? absl::StrCat(attempt) : "", "): ", HowItEnded(link), ".",
      Backtrace(link));
  return std::make_exception_ptr(TaskTerminatedError(message, task, end.signal,
                                                     end.code, completed,
                                                     link.pid.load(), attempt));
}

std::exception_ptr NoWorkerError(const WorkerLink& link) {
  if (!link.start_error.ok()) {
    return std::make_exception_ptr(TerminatedWorkerError(absl::StrCat(
        "joblib could not start a worker process: ", link.start_error.message(),
        ". Use backend=\"threading\", or a lower n_jobs.")));
  }
  return std::make_exception_ptr(TerminatedWorkerError(
      absl::StrCat("A worker process ended before it could serve a task: ",
                   HowItEnded(link), ". A worker is this program again (",
                   native::ChildProcess::ProgramPath(), kWhatAWorkerIs,
                   "One of them may have ended it.", Backtrace(link)),
      -1, link.end.signal, link.end.code));
}

std::exception_ptr NoHelloError(const WorkerLink& link, Clock::duration limit) {
  return std::make_exception_ptr(TerminatedWorkerError(absl::StrCat(
      "Worker process ", link.pid.load(), " was not ready to serve a task in ",
      std::chrono::duration<double>(limit).count(),
      " s and was killed. A worker is this program again (",
      native::ChildProcess::ProgramPath(), kWhatAWorkerIs,
      "If one of them takes that long, set JOBLIB_WORKER_START_TIMEOUT to more "
      "seconds.")));
}

Warning NoHelloWarning(const WorkerLink& link) {
  return {"UserWarning",
          absl::StrCat("Worker process ", link.pid.load(),
                       " is not ready to serve a task yet. A worker is this "
                       "program again (",
                       native::ChildProcess::ProgramPath(), kWhatAWorkerIs,
                       "One of them may wait for something.")};
}

const std::optional<HelloLimits>& TheHelloLimits() {
  static const std::optional<HelloLimits> limits = LimitsOfEnvironment();
  return limits;
}

}  // namespace joblib::internal
