// What the machine and the environment offer to the built-in backends.
#ifndef JOBLIB_BACKENDS_PLATFORM_H_
#define JOBLIB_BACKENDS_PLATFORM_H_

#include <optional>

namespace joblib::internal {

// native::CpuCount(), its error thrown as std::invalid_argument and its
// warnings warned.
int CpuCount(bool only_physical_cores = false);

// What a platform has, whatever the environment says.
struct Platform {
  bool processes = false;
  bool threads = false;
  friend bool operator==(const Platform&, const Platform&) = default;
};
Platform OwnPlatform();

// The two functions below answer for `platform` from here on; nullopt is the
// real one again. CpuCount() warns anew of what it warned of before, and the
// environment is asked again. So the
// choice of a backend is tested for each platform on every one; nothing that a
// platform lacks can be started on it.
void PretendPlatformForTest(std::optional<Platform> platform);

// What this process is: a program, or a worker process of loky or of
// multiprocessing. Set before any task of a worker.
enum class ProcessKind { kProgram, kLokyWorker, kForkedWorker };
ProcessKind CurrentProcessKind();
void SetProcessKind(ProcessKind kind);

// Whether there are worker processes: not on WebAssembly, nor where
// JOBLIB_MULTIPROCESSING=0.
bool ProcessesAvailable();

// Whether there are threads: not on WebAssembly without them, nor (as in
// joblib) where JOBLIB_MULTIPROCESSING=0.
bool ThreadsAvailable();

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PLATFORM_H_
