#include "tests/benchmarks/bare_processes.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace joblib::benchmarks {
namespace {

void Require(bool done, const char* what) {
  if (done) return;
  std::perror(what);
  std::abort();
}

}  // namespace

void* SharedPages(std::size_t size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  Require(pages != MAP_FAILED, "mmap");
  return pages;
}

void SharedWait(const std::atomic<std::uint32_t>& word,
                std::uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
}

void SharedWake(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void Patience::Wait() {
  constexpr int kSpins = 200;
  if (++tries_ > kSpins) {
    sched_yield();
  } else {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

int ForkedChild::Fork() {
  const int pid = fork();
  Require(pid >= 0, "fork");
  if (pid == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

void ForkedChild::Leave() { _exit(0); }

void ForkedChild::Wait() {
  WaitFor(pid_);
  pid_ = -1;
}

ForkedChild::~ForkedChild() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  Wait();
}

Pipe::Pipe() {
  int ends[2];
  Require(pipe2(ends, O_CLOEXEC) == 0, "pipe");
  from = ends[0];
  to = ends[1];
}

Pipe::~Pipe() {
  close(from);
  if (to >= 0) close(to);
}

std::size_t ReadSome(int from, void* bytes, std::size_t size) {
  ssize_t n;
  do {
    n = read(from, bytes, size);
  } while (n < 0 && errno == EINTR);
  Require(n >= 0, "read");
  return static_cast<std::size_t>(n);
}

void WriteAll(int to, const void* bytes, std::size_t size) {
  const char* rest = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t n = write(to, rest, size);
    Require(n > 0, "write");
    rest += n;
    size -= static_cast<std::size_t>(n);
  }
}

int SpawnItself(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv = {const_cast<char*>("itself")};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  pid_t pid;
  const int error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  Require(error == 0, "posix_spawn");
  return pid;
}

void WaitFor(int pid) {
  while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string OutputOfItself(const std::vector<std::string>& arguments) {
  Pipe output;
  const int pid = SpawnItself(arguments, output.to);
  close(output.to);
  output.to = -1;
  std::string text;
  char part[256];
  for (std::size_t n; (n = ReadSome(output.from, part, sizeof(part))) > 0;) {
    text.append(part, n);
  }
  WaitFor(pid);
  return text;
}

int ProcessId() { return getpid(); }

std::vector<int> Children() {
  std::vector<int> children;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(thread.path() / "children");
    for (int pid; list >> pid;) children.push_back(pid);
  }
  return children;
}

double CpuSeconds(int pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    return 0;
  }
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace joblib::benchmarks
