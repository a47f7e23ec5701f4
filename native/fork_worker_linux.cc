#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

#include "native/errno_status.h"
#include "native/fork_worker.h"

namespace joblib::native {
namespace {

void ResetSignals() {
  struct sigaction action = {};
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction old = {};
    if (sigaction(signal, nullptr, &old) != 0) continue;
    const bool stays =
        old.sa_handler == SIG_IGN && (signal == SIGHUP || signal == SIGPIPE);
    action.sa_handler = SIG_DFL;
    if (!stays) sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace

absl::StatusOr<std::int64_t> ForkWorker(absl::FunctionRef<void()> body) {
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return ErrnoStatus(errno, "fork a worker process");
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // It may have ended before the line above; a reaper has another number.
  if (getppid() != parent) _exit(0);
  ResetSignals();
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null > 0) {
    dup2(null, 0);
    close(null);
  }
  body();
  _exit(3);
}

std::string OpenMpRuntime() {
  std::string found;
  dl_iterate_phdr(
      [](dl_phdr_info* module, std::size_t, void* result) {
        const std::string_view path = module->dlpi_name;
        if (path.find("/libgomp.so") == path.npos) return 0;
        *static_cast<std::string*>(result) = path;
        return 1;
      },
      &found);
  return found;
}

}  // namespace joblib::native
