#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "native/spawn.h"

// What runs in the child: on the program's memory, so a sanitizer may neither
// see its unusual stack nor count what it does to descriptors as the program's
// doing. For the same reason it makes system calls by number: the functions are
// intercepted.
#define JOBLIB_IN_CHILD \
  __attribute__((no_sanitize("address", "thread", "undefined"), noinline))

// clone(2) by its other name: ThreadSanitizer intercepts the first one and
// takes it for a fork, though the child shares its state.
extern "C" int __clone(int (*function)(void*), void* stack, int flags,
                       void* argument, ...);

namespace joblib::native {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;
constexpr std::size_t kGuardBytes = 64 * 1024;  // The largest page size.
constexpr int kLastSignal = 64;
constexpr std::size_t kMaskBytes = 8;  // The kernel's sigset_t.
// Where neither close_range nor /proc is there; a limit can be a billion.
constexpr int kMostClosedOneByOne = 65536;
constexpr rlim_t kMostStack = rlim_t{256} << 20;

struct Child {
  const SpawnPlan* plan;
  volatile int error = 0;
};

// The kernel's struct sigaction, of which only its first word matters.
struct KernelAction {
  std::uintptr_t handler;
  std::uintptr_t rest[7];
};

JOBLIB_IN_CHILD void ResetSignals() {
  for (int signal = 1; signal <= kLastSignal; ++signal) {
    KernelAction action = {};
    if (syscall(SYS_rt_sigaction, signal, nullptr, &action, kMaskBytes) != 0) {
      continue;
    }
    const auto handler = action.handler;
    if (handler == reinterpret_cast<std::uintptr_t>(SIG_DFL)) continue;
    // nohup, and whoever ignores broken pipes, means their children, too.
    if (handler == reinterpret_cast<std::uintptr_t>(SIG_IGN) &&
        (signal == SIGHUP || signal == SIGPIPE)) {
      continue;
    }
    const KernelAction by_default = {};
    syscall(SYS_rt_sigaction, signal, &by_default, nullptr, kMaskBytes);
  }
}

JOBLIB_IN_CHILD void WriteOomScore(const char* score) {
  const long fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/oom_score_adj",
                          O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return;
  std::size_t n = 0;
  while (score[n] != '\0') ++n;
  syscall(SYS_write, fd, score, n);
  syscall(SYS_close, fd);
}

JOBLIB_IN_CHILD bool Keeps(const SpawnPlan& plan, long fd) {
  for (std::size_t i = 0; i < plan.n_keep; ++i) {
    if (plan.keep[i] == fd) return true;
  }
  return false;
}

struct DirectoryEntry {  // linux_dirent64.
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t length;
  std::uint8_t type;
  char name[1];
};

JOBLIB_IN_CHILD bool CloseListed(const SpawnPlan& plan) {
  const long list = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (list < 0) return false;
  alignas(DirectoryEntry) char buffer[4096];
  for (;;) {
    const long n = syscall(SYS_getdents64, list, buffer, sizeof buffer);
    if (n <= 0) break;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const DirectoryEntry*>(buffer + at);
      at += entry->length;
      long fd = 0;
      const char* digit = entry->name;
      for (; *digit >= '0' && *digit <= '9'; ++digit) {
        fd = fd * 10 + (*digit - '0');
      }
      if (digit == entry->name || fd <= 2 || fd == list) continue;
      if (!Keeps(plan, fd)) syscall(SYS_close, fd);
    }
  }
  syscall(SYS_close, list);
  return true;
}

// Really closed, not only close-on-exec: this process has the parent's end of
// the socket, too, and would never see it closed.
JOBLIB_IN_CHILD void CloseAllOthers(const SpawnPlan& plan) {
  unsigned from = 3;
  bool closed = true;
  for (std::size_t i = 0; i <= plan.n_keep && closed; ++i) {
    const unsigned to =
        i < plan.n_keep ? static_cast<unsigned>(plan.keep[i]) : ~0U;
    if (from < to) {
      const unsigned last = i < plan.n_keep ? to - 1 : to;
      closed = syscall(SYS_close_range, from, last, 0) == 0;
    }
    from = to + 1;
  }
  if (closed || CloseListed(plan)) return;
  rlimit limit = {};
  syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  for (int fd = 3; fd < kMostClosedOneByOne; ++fd) {
    if (static_cast<rlim_t>(fd) >= limit.rlim_cur) break;
    if (!Keeps(plan, fd)) syscall(SYS_close, fd);
  }
}

JOBLIB_IN_CHILD bool ParentIsGone(int socket) {
  pollfd poll_fd = {.fd = socket, .events = 0, .revents = 0};
  timespec now = {};
  const long n = syscall(SYS_ppoll, &poll_fd, 1, &now, nullptr, kMaskBytes);
  return n > 0 && (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
}

// stdin is empty; what the program closed of stdout and stderr is open, so that
// no file of the worker's gets what is printed.
JOBLIB_IN_CHILD void OpenStandardFiles() {
  long null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC, 0);
  if (null < 0) {
    // An empty pipe reads like it.
    int ends[2];
    if (syscall(SYS_pipe2, ends, O_CLOEXEC) != 0) return;
    syscall(SYS_close, ends[1]);
    null = ends[0];
  }
  for (int fd = 0; fd <= 2; ++fd) {
    const bool is_open = syscall(SYS_fcntl, fd, F_GETFD) >= 0 && fd != null;
    if (fd != 0 && is_open) continue;
    if (fd == null) {
      syscall(SYS_fcntl, fd, F_SETFD, 0);
    } else {
      syscall(SYS_dup3, null, fd, 0);
    }
  }
  if (null > 2) syscall(SYS_close, null);
}

// Without a limit a task's endless recursion would take all memory there is.
JOBLIB_IN_CHILD void LimitStack() {
  rlimit limit = {};
  if (syscall(SYS_prlimit64, 0, RLIMIT_STACK, nullptr, &limit) != 0) return;
  if (limit.rlim_cur != RLIM_INFINITY) return;
  limit.rlim_cur = kMostStack;
  syscall(SYS_prlimit64, 0, RLIMIT_STACK, &limit, nullptr);
}

// One that this process may not raise any more stays as it is.
JOBLIB_IN_CHILD void SetLimits(const rlimit* limits) {
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    syscall(SYS_prlimit64, 0, i, &limits[i], nullptr);
  }
}

JOBLIB_IN_CHILD void WritePid(char* digits) {
  long pid = syscall(SYS_getpid);
  for (std::size_t i = kPidDigits; i-- > 0; pid /= 10) {
    digits[i] = static_cast<char>('0' + pid % 10);
  }
}

JOBLIB_IN_CHILD int RunChild(void* argument) {
  auto* child = static_cast<Child*>(argument);
  const SpawnPlan& plan = *child->plan;
  // Survives the exec. Too late in the worker's main: a constructor may block.
  syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ResetSignals();
  if (plan.directory >= 0) syscall(SYS_fchdir, plan.directory);
  CloseAllOthers(plan);
  // It may have ended before the prctl. Not getppid(): 0 where the parent is in
  // another pid namespace.
  if (plan.socket >= 0 && ParentIsGone(plan.socket)) syscall(SYS_exit_group, 0);
  OpenStandardFiles();
  if (plan.umask >= 0) syscall(SYS_umask, plan.umask);
  syscall(SYS_setpriority, PRIO_PROCESS, 0, plan.nice);
  if (plan.limits != nullptr) SetLimits(plan.limits);
  LimitStack();
  if (plan.oom_score_adj != nullptr) WriteOomScore(plan.oom_score_adj);
  for (std::size_t i = 0; i < plan.n_keep; ++i) {
    if (plan.keep[i] == plan.executable) continue;
    syscall(SYS_fcntl, plan.keep[i], F_SETFD, 0);
  }
  if (plan.pid_digits != nullptr) WritePid(plan.pid_digits);
  const std::uint64_t no_signals = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, nullptr, kMaskBytes);
  if (plan.path != nullptr) {
    syscall(SYS_execve, plan.path, plan.arguments, plan.environment);
  } else {
    syscall(SYS_execveat, plan.executable, "", plan.arguments, plan.environment,
            AT_EMPTY_PATH);
  }
  child->error = errno;
  syscall(SYS_exit_group, 127);
  return 127;
}

// All of them, those that glibc keeps for itself included: no handler may run
// in the child, on the program's memory.
class BlockSignals {
 public:
  BlockSignals() {
    const std::uint64_t all = ~std::uint64_t{0};
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old_, kMaskBytes);
  }
  ~BlockSignals() {
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old_, nullptr, kMaskBytes);
  }
  BlockSignals(const BlockSignals&) = delete;
  BlockSignals& operator=(const BlockSignals&) = delete;

 private:
  std::uint64_t old_ = 0;
};

}  // namespace

Spawned CloneAndExec(const SpawnPlan& plan) {
  void* const stack =
      mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  Spawned spawned;
  if (stack == MAP_FAILED) {
    spawned.error = errno;
    return spawned;
  }
  mprotect(stack, kGuardBytes, PROT_NONE);
  char* const top = static_cast<char*>(stack) + kGuardBytes + kStackBytes;
  Child child = {.plan = &plan};
  {
    const BlockSignals blocked;
    // No signal at its end until it has become a program: a start that failed
    // is nothing that the program should hear of, or wait for.
    const int flags = CLONE_VM | CLONE_VFORK;
    if (plan.with_pidfd) {
      spawned.pid =
          __clone(&RunChild, top, flags | CLONE_PIDFD, &child, &spawned.pidfd);
    }
    // EINVAL, EPERM, ENOSYS: an old kernel or a sandbox knows no pidfd.
    if (!plan.with_pidfd || (spawned.pid < 0 && errno != EAGAIN &&
                             errno != ENOMEM && errno != EMFILE)) {
      spawned.pidfd = -1;
      spawned.pid = __clone(&RunChild, top, flags, &child);
    }
    spawned.error = spawned.pid < 0 ? errno : child.error;
  }
  munmap(stack, kGuardBytes + kStackBytes);
  return spawned;
}

}  // namespace joblib::native
