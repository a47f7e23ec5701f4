#include "joblib/parallel/trace_file.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/strings/str_cat.h"
#include "joblib/core/first_copy.h"
#include "joblib/core/number_text.h"
#include "joblib/core/warning.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

ABSL_CONST_INIT absl::Mutex files_mu(absl::kConstInit);

double Microseconds(std::chrono::steady_clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

}  // namespace

TraceFile& TraceFile::OwnAt(const std::string& path) {
  static auto* const files = new std::map<std::string, TraceFile*>;
  absl::MutexLock lock(&files_mu);
  TraceFile*& file = (*files)[path];
  if (file == nullptr) {
    std::FILE* out = std::fopen(path.c_str(), "w");
    if (out == nullptr) {
      const std::string reason = std::strerror(errno);
      files->erase(path);
      throw std::invalid_argument(absl::StrCat(
          "trace: the file '", path, "' can't be written: ", reason,
          ". Name a file in a folder that exists."));
    }
    std::fputs("[\n]\n", out);
    std::fflush(out);
    file = new TraceFile(path, out);
  }
  return *file;
}

JOBLIB_COPY_OF("trace_files", TraceFile::Finder, joblib_copy_trace_files,
               &TraceFile::OwnAt)

TraceFile& TraceFile::At(const std::string& path) {
  static const Finder& first =
      FirstCopy("trace_files", joblib_copy_trace_files);
  return first(path);
}

int TraceFile::NextCallNumber() {
  absl::MutexLock lock(&mu_);
  return calls_++;
}

void TraceFile::Write(int call, const std::vector<TraceEvent>& events) {
  std::string text;
  for (const TraceEvent& event : events) {
    absl::StrAppend(
        &text, ",\n{\"name\":\"task ", event.task,
        "\",\"cat\":\"task\",\"ph\":\"X\",\"ts\":",
        FixedText(Microseconds(event.start.time_since_epoch()), 3),
        ",\"dur\":", FixedText(Microseconds(event.end - event.start), 3),
        ",\"pid\":", event.process != 0 ? event.process : native::ProcessId(),
        ",\"tid\":", event.thread, ",\"args\":{\"call\":", call,
        ",\"task\":", event.task, ",\"worker\":", event.worker,
        event.failed ? ",\"failed\":true}}" : "}}");
  }
  bool failed = false;
  {
    absl::MutexLock lock(&mu_);
    if (file_ == nullptr || text.empty()) return;
    // Over the end that the last Write left.
    failed = std::fseek(file_, any_ ? -3 : -2, SEEK_END) != 0 ||
             std::fputs(text.c_str() + (any_ ? 0 : 2), file_) < 0 ||
             std::fputs("\n]\n", file_) < 0 || std::fflush(file_) != 0;
    any_ = true;
    if (failed) {
      std::fclose(file_);
      file_ = nullptr;
    }
  }
  if (!failed) return;
  try {
    Warn(absl::StrCat("trace: writing to '", path_,
                      "' failed; no more events are kept."));
  } catch (...) {  // The call has ended, and well.
  }
}

}  // namespace joblib::internal
