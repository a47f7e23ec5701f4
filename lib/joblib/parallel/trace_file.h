// TraceFile: which task ran where and when, as Trace Event JSON that Perfetto
// and chrome://tracing open.
//
// One for each path and process, made (and its file emptied) at the first use
// and kept: the calls of a program share a file. After each Write the file is
// complete JSON. Source: "Trace Event Format" (Google), JSON array form.
//
// Thread-safety: any thread.
#ifndef JOBLIB_PARALLEL_TRACE_FILE_H_
#define JOBLIB_PARALLEL_TRACE_FILE_H_

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace joblib::internal {

struct TraceEvent {
  std::int64_t task = 0;  // Index in its call.
  int worker = 0;
  std::uint64_t thread = 0;
  std::chrono::steady_clock::time_point start, end;
  bool failed = false;
  std::int64_t process = 0;  // 0: this one.
};

class TraceFile {
 public:
  // Throws std::invalid_argument if the file can't be written.
  static TraceFile& At(const std::string& path);

  // That of this copy of the library (core/first_copy.h): of another one's
  // files the functions below are called, so they are virtual.
  static TraceFile& OwnAt(const std::string& path);
  using Finder = TraceFile& (*)(const std::string& path);

  virtual ~TraceFile() = default;
  virtual int NextCallNumber() ABSL_LOCKS_EXCLUDED(mu_);
  // A full disk ends the trace with one warning, never the call.
  virtual void Write(int call, const std::vector<TraceEvent>& events)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  TraceFile(std::string path, std::FILE* file)
      : path_(std::move(path)), file_(file) {}

  const std::string path_;
  absl::Mutex mu_;
  std::FILE* file_ ABSL_GUARDED_BY(mu_);  // Null after an error.
  int calls_ ABSL_GUARDED_BY(mu_) = 0;
  bool any_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_TRACE_FILE_H_
