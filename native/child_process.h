// ChildProcess: a worker process, from its start to its end.
//
// Started by a vfork-like clone and exec, never a bare fork of a threaded
// program; known by a pidfd where there are any, so that no signal ever reaches
// another process and no waitpid(-1) of the program can take its status.
//
// A started process dies with the thread that started it (PR_SET_PDEATHSIG
// follows the thread): start workers on one that outlives them.
//
// Thread-safety: like a plain value; Start from any thread.
#ifndef JOBLIB_NATIVE_CHILD_PROCESS_H_
#define JOBLIB_NATIVE_CHILD_PROCESS_H_

#include <sys/resource.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "native/kept_descriptor.h"

namespace joblib::native {

// What a worker's surroundings are: a snapshot of this process's, taken on the
// calling thread (never on another: `environ` races with setenv).
struct Surroundings {
  std::vector<std::string> environment;  // NAME=value.
  KeptDescriptor directory;              // The working directory.
  unsigned umask = 022;
  int nice = 0;
  std::vector<rlimit> limits;  // By their numbers; empty: the process's own.
  // Of setlocale(LC_ALL): for whoever is the worker to take over.
  std::string locale;
  static Surroundings Take();
};

// How a process ended.
struct ExitStatus {
  bool known = true;  // False: reaped by the program itself.
  int signal = 0;     // 0: it exited.
  int code = 0;       // Its exit code.
};

class ChildProcess {
 public:
  ChildProcess() = default;
  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  ~ChildProcess();  // Closes; does not kill.

  struct Request {
    std::vector<std::string> environment;
    const Surroundings* surroundings = nullptr;  // Its environment is not used.
    // Kept open in the child under the same numbers; all others but 0, 1, 2 are
    // closed there. 0 is /dev/null.
    std::vector<int> descriptors;
    // The worker's end, kept open as well. The child ends before its exec if
    // the parent's end is closed by then: -1 does without.
    int socket = -1;
  };
  // Whether descriptors are left for a Start, and some for the program that has
  // its own files to open. Errors: RESOURCE_EXHAUSTED.
  static absl::Status HasRoomToStart();
  // What Start starts, for messages; "this program's file" if it has no path
  // (any more).
  static std::string ProgramPath();

  // Starts this program's executable again (P2: the very file that runs here).
  // Errors: RESOURCE_EXHAUSTED (EAGAIN, ENOMEM), PERMISSION_DENIED, NOT_FOUND:
  // with the path and errno's text.
  static absl::StatusOr<ChildProcess> Start(const Request& request);
  // A child that forked off by other means is known by it from here on.
  static absl::StatusOr<ChildProcess> Watch(std::int64_t pid);

  std::int64_t pid() const { return pid_; }
  // Becomes readable at its end; -1 where the system has none: then ask Poll.
  int pidfd() const { return pidfd_.get(); }
  // Its status once it has ended (it is reaped then); nullopt while it runs.
  // Never blocks. Where there is no pidfd it polls waitpid(pid, WNOHANG).
  std::optional<ExitStatus> Poll();
  // Sends `signal` to it and to nobody else; nothing once it has ended.
  void Signal(int signal) const;
  // SIGKILLs it with all its descendants.
  void KillTree() const;

  // "SIGSEGV(-11)", "EXIT(3)", as joblib writes them.
  static std::string Describe(const ExitStatus& status);

  // pidfd_open and CLONE_PIDFD fail from here on (tests).
  static void RefusePidfdForTest(bool refuse);

 private:
  std::int64_t pid_ = -1;
  KeptDescriptor pidfd_;
  std::int64_t owner_ = -1;  // The process whose child it is.
  std::optional<ExitStatus> ended_;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_CHILD_PROCESS_H_
