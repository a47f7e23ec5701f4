// The start of a process between clone and exec: for child_process alone.
//
// Like posix_spawn, which cannot do half of this: the child borrows this
// process's memory (CLONE_VM | CLONE_VFORK) while the calling thread waits for
// its exec. So nothing is copied however large the program is, and the reason
// of a failure comes back as a plain variable.
#ifndef JOBLIB_NATIVE_SPAWN_H_
#define JOBLIB_NATIVE_SPAWN_H_

#include <sys/resource.h>

#include <cstddef>

namespace joblib::native {

// In a child's environment: which process it is. Of a process that a library's
// constructor starts there, before anything of ours could run, it is wrong.
inline constexpr char kChildPid[] = "JOBLIB_CHILD_PID=";
inline constexpr std::size_t kPidDigits = 10;

// Everything is made ready before: the child may not allocate.
struct SpawnPlan {
  const char* path = nullptr;  // Null: what `executable` is open on.
  int executable = -1;         // Close-on-exec.
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const int* keep = nullptr;  // Ascending, all above 2; `executable` is among.
  std::size_t n_keep = 0;
  int socket = -1;     // Among `keep`.
  int directory = -1;  // -1: this process's.
  int umask = -1;      // -1: this process's.
  int nice = 0;
  const rlimit* limits = nullptr;       // RLIM_NLIMITS; null: this process's.
  const char* oom_score_adj = nullptr;  // Null: this process's.
  bool with_pidfd = true;
  // Within an entry of `environment`: kPidDigits, written in the child.
  char* pid_digits = nullptr;
};

struct Spawned {
  int pid = -1;
  int pidfd = -1;  // May be 0, 1 or 2.
  int error = 0;   // Of the clone (pid is -1) or of the exec (pid has ended).
};

Spawned CloneAndExec(const SpawnPlan& plan);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_SPAWN_H_
