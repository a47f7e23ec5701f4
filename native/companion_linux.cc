#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "native/companion.h"
#include "native/descriptor.h"
#include "native/errno_status.h"

namespace joblib::native {
namespace {

constexpr int kItsEnd = 3;

struct Actions {
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
  posix_spawn_file_actions_t value;
};
struct Attributes {
  Attributes() { posix_spawnattr_init(&value); }
  ~Attributes() { posix_spawnattr_destroy(&value); }
  posix_spawnattr_t value;
};

}  // namespace

absl::StatusOr<Companion> Companion::Start(
    const std::vector<std::string>& arguments) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "make a socket pair");
  }
  Companion companion;
  companion.stream = Stream(AboveStandard(ends[0]));
  // Above its target: dup2 onto itself would leave it close-on-exec.
  const Stream theirs(fcntl(ends[1], F_DUPFD_CLOEXEC, kItsEnd + 1));
  close(ends[1]);
  if (theirs.fd() < 0) return ErrnoStatus(errno, "copy a socket");
  Actions actions;
  posix_spawn_file_actions_addopen(&actions.value, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, 2, 1);
  posix_spawn_file_actions_adddup2(&actions.value, theirs.fd(), kItsEnd);
  posix_spawn_file_actions_addclosefrom_np(&actions.value, kItsEnd + 1);
  Attributes attributes;
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes.value, &all);
  posix_spawnattr_setsigmask(&attributes.value, &none);
  posix_spawnattr_setpgroup(&attributes.value, 0);
  posix_spawnattr_setflags(&attributes.value, POSIX_SPAWN_SETPGROUP |
                                                  POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETSIGMASK);
  std::vector<char*> texts;
  for (const std::string& argument : arguments) {
    texts.push_back(const_cast<char*>(argument.c_str()));
  }
  texts.push_back(nullptr);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, texts[0], &actions.value,
                                 &attributes.value, texts.data(), environ);
  if (error != 0) {
    return ErrnoStatus(error, absl::StrCat("start ", arguments[0]));
  }
  companion.pid_ = pid;
  return companion;
}

void Companion::Kill() const {
  if (pid_ > 0) kill(-static_cast<pid_t>(pid_), SIGKILL);
}

void Companion::Reap() const {
  int status;
  while (pid_ > 0 && waitpid(static_cast<pid_t>(pid_), &status, 0) < 0 &&
         errno == EINTR) {
  }
}

}  // namespace joblib::native
