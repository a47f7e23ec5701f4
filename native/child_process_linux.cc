#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <clocale>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "native/child_process.h"
#include "native/descriptor.h"
#include "native/environment.h"
#include "native/errno_status.h"
#include "native/process_tree.h"
#include "native/read_file.h"
#include "native/spawn.h"

namespace joblib::native {
namespace {

constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD, glibc 2.36.
// A worker goes before the program whose work it does.
// Of a worker 5, for a moment; the others are the program's.
constexpr int kSpareDescriptors = 16;

constexpr int kOomScoreRaise = 300;
constexpr int kHighestOomScore = 1000;

std::atomic<bool> refuse_pidfd{false};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Where /proc is not there: before main(), as the path may be relative.
std::string ResolvedExecfn() {
  const auto* const name = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  char path[PATH_MAX];
  return name == nullptr || realpath(name, path) == nullptr ? "" : path;
}
const std::string& ExecfnPath() {
  static const auto& path = *new std::string(ResolvedExecfn());
  return path;
}
[[maybe_unused]] const bool execfn_is_resolved = !ExecfnPath().empty();

// The path by which this program can be started again; empty: only by
// `executable`, its file (it was replaced, deleted, or is outside of this
// root).
std::string PathTo(int executable) {
  if (executable < 0) return ExecfnPath();
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || n == sizeof path) return "";
  std::string result(path, static_cast<std::size_t>(n));
  struct stat running = {}, there = {};
  if (fstat(executable, &running) != 0 || stat(result.c_str(), &there) != 0 ||
      running.st_dev != there.st_dev || running.st_ino != there.st_ino) {
    return "";
  }
  return result;
}

std::string WorkerOomScore() {
  const std::optional<std::string> ours =
      ReadSmallFile("/proc/self/oom_score_adj");
  int score = 0;
  if (!ours.has_value() ||
      !absl::SimpleAtoi(absl::StripSuffix(*ours, "\n"), &score)) {
    return "";
  }
  return absl::StrCat(std::min(score + kOomScoreRaise, kHighestOomScore));
}

// Not by umask(2), which has to change it for a moment.
unsigned CurrentUmask() {
  const std::string status = ReadSmallFile("/proc/self/status").value_or("");
  constexpr std::string_view kLabel = "\nUmask:";
  const std::size_t at = status.find(kLabel);
  if (at != std::string::npos) {
    return static_cast<unsigned>(
        std::strtoul(status.c_str() + at + kLabel.size(), nullptr, 8));
  }
  const mode_t mask = umask(022);
  umask(mask);
  return mask;
}

int CurrentNice() { return getpriority(PRIO_PROCESS, 0); }

bool IsReadable(int fd) {
  pollfd poll_fd = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&poll_fd, 1, 0) > 0;
}

// What waitid knows of a child: nullopt while it runs.
struct Waited {
  int error = 0;  // ECHILD: no child of ours (any more).
  std::optional<ExitStatus> status;
};
Waited Wait(idtype_t type, std::int64_t id, int options) {
  siginfo_t info = {};
  int result = 0;
  do {
    // __WALL: a child that has not reached its exec is a "clone child".
    result =
        waitid(type, static_cast<id_t>(id), &info, WEXITED | __WALL | options);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return {.error = errno, .status = {}};
  if (info.si_pid == 0) return {};
  if (info.si_code == CLD_EXITED) {
    return {.error = 0, .status = ExitStatus{.code = info.si_status}};
  }
  return {.error = 0, .status = ExitStatus{.signal = info.si_status}};
}

}  // namespace

Surroundings Surroundings::Take() {
  Surroundings result;
  result.environment = Environment();
  // O_PATH: it need not be readable.
  result.directory = KeptDescriptor(
      AboveStandard(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)));
  result.umask = CurrentUmask();
  result.nice = CurrentNice();
  result.limits.resize(RLIM_NLIMITS);
  for (int i = 0; i < RLIM_NLIMITS; ++i) {
    if (getrlimit(static_cast<__rlimit_resource>(i), &result.limits[i]) != 0) {
      result.limits.clear();
      break;
    }
  }
  const char* const locale = setlocale(LC_ALL, nullptr);
  if (locale != nullptr) result.locale = locale;
  return result;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::move(other.pidfd_)),
      owner_(other.owner_),
      ended_(std::exchange(other.ended_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(owner_, other.owner_);
  std::swap(ended_, other.ended_);
  return *this;
}

ChildProcess::~ChildProcess() = default;

absl::Status ChildProcess::HasRoomToStart() {
  int spare[kSpareDescriptors];
  int n = 0;
  absl::Status status;
  for (; n < kSpareDescriptors && status.ok(); ++n) {
    spare[n] = eventfd(0, EFD_CLOEXEC);
    if (spare[n] < 0) status = ErrnoStatus(errno, "descriptors of a worker");
  }
  while (n-- > 0) {
    if (spare[n] >= 0) close(spare[n]);
  }
  return status;
}

std::string ChildProcess::ProgramPath() {
  const Descriptor executable(
      AboveStandard(open("/proc/self/exe", O_PATH | O_CLOEXEC)));
  const std::string path = PathTo(executable.get());
  return path.empty() ? "this program's file" : path;
}

absl::StatusOr<ChildProcess> ChildProcess::Start(const Request& request) {
  const Descriptor executable(
      AboveStandard(open("/proc/self/exe", O_PATH | O_CLOEXEC)));
  const std::string path = PathTo(executable.get());
  if (path.empty() && executable.get() < 0) {
    return absl::NotFoundError("this program's file: /proc is not mounted");
  }
  std::vector<int> keep = request.descriptors;
  for (const int fd : {request.socket, executable.get()}) {
    if (fd >= 0) keep.push_back(fd);
  }
  std::sort(keep.begin(), keep.end());
  keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
  if (!keep.empty() && keep.front() <= 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("descriptor ", keep.front(), " cannot be inherited"));
  }
  std::vector<char*> environment;
  for (const std::string& entry : request.environment) {
    environment.push_back(const_cast<char*>(entry.c_str()));
  }
  std::string pid = absl::StrCat(kChildPid, std::string(kPidDigits, '0'));
  environment.push_back(pid.data());
  environment.push_back(nullptr);
  char* const arguments[] = {program_invocation_name, nullptr};
  const std::string oom_score = WorkerOomScore();
  SpawnPlan plan = {
      .path = path.empty() ? nullptr : path.c_str(),
      .executable = executable.get(),
      .arguments = arguments,
      .environment = environment.data(),
      .keep = keep.data(),
      .n_keep = keep.size(),
      .socket = request.socket,
      .nice = CurrentNice(),
      .oom_score_adj = oom_score.empty() ? nullptr : oom_score.c_str(),
      .with_pidfd = !refuse_pidfd.load(std::memory_order_relaxed),
      .pid_digits = pid.data() + pid.size() - kPidDigits};
  if (request.surroundings != nullptr) {
    const KeptDescriptor& directory = request.surroundings->directory;
    if (directory.IsOurs()) plan.directory = directory.get();
    plan.umask = static_cast<int>(request.surroundings->umask);
    plan.nice = request.surroundings->nice;
    if (request.surroundings->limits.size() == RLIM_NLIMITS) {
      plan.limits = request.surroundings->limits.data();
    }
  }
  const Spawned spawned = CloneAndExec(plan);
  ChildProcess child;
  child.pid_ = spawned.pid;
  child.pidfd_ = KeptDescriptor(AboveStandard(spawned.pidfd));
  child.owner_ = getpid();
  if (spawned.error == 0) return child;
  if (spawned.pid > 0) Wait(P_PID, spawned.pid, 0);
  return ErrnoStatus(
      spawned.error,
      absl::StrCat("start ", path.empty() ? "this program's file" : path,
                   spawned.error == EAGAIN ? " as a worker (ulimit -u)"
                                           : " as a worker"));
}

absl::StatusOr<ChildProcess> ChildProcess::Watch(std::int64_t pid) {
  ChildProcess child;
  child.pid_ = pid;
  child.owner_ = getpid();
  if (!refuse_pidfd.load(std::memory_order_relaxed)) {
    // Close-on-exec.
    child.pidfd_ = KeptDescriptor(
        AboveStandard(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  }
  if (child.pidfd() < 0 && kill(static_cast<pid_t>(pid), 0) != 0 &&
      errno == ESRCH) {
    return absl::NotFoundError(absl::StrCat("process ", pid));
  }
  return child;
}

std::optional<ExitStatus> ChildProcess::Poll() {
  if (ended_.has_value() || pid_ < 0) return ended_;
  Waited waited;
  if (pidfd() >= 0) waited = Wait(kPidfd, pidfd(), WNOHANG);
  // The program closed it, and may have a file of its own under that number.
  if (waited.error == EBADF) pidfd_ = KeptDescriptor();
  // Linux 5.2 and 5.3 have pidfds, but nothing to wait for one.
  if (pidfd() < 0 || waited.error == EINVAL)
    waited = Wait(P_PID, pid_, WNOHANG);
  if (waited.error == 0) {
    ended_ = waited.status;
  } else if (pidfd() < 0 || IsReadable(pidfd())) {
    // ECHILD: the program took it, or ignores SIGCHLD.
    ended_ = ExitStatus{.known = false};
  }
  return ended_;
}

void ChildProcess::Signal(int signal) const {
  if (pid_ <= 0 || ended_.has_value() || owner_ != getpid()) return;
  if (pidfd() >= 0) {
    const long sent =
        syscall(SYS_pidfd_send_signal, pidfd(), signal, nullptr, 0);
    if (sent == 0 || errno != EBADF) return;
    // Closed by the program: see Poll.
  }
  // As long as it is a child of ours that nobody waited for, the number is its
  // own.
  if (Wait(P_PID, pid_, WNOHANG | WNOWAIT).error == 0) {
    kill(static_cast<pid_t>(pid_), signal);
  }
}

void ChildProcess::KillTree() const {
  if (pid_ <= 0 || ended_.has_value() || owner_ != getpid()) return;
  Signal(SIGSTOP);
  KillDescendants(pid_);
  Signal(SIGKILL);
}

std::string ChildProcess::Describe(const ExitStatus& status) {
  if (!status.known) return "UNKNOWN: reaped by the program";
  if (status.signal == 0) return absl::StrCat("EXIT(", status.code, ")");
  const char* const name = sigabbrev_np(status.signal);
  return name == nullptr ? absl::StrCat("UNKNOWN(-", status.signal, ")")
                         : absl::StrCat("SIG", name, "(-", status.signal, ")");
}

void ChildProcess::RefusePidfdForTest(bool refuse) { refuse_pidfd = refuse; }

}  // namespace joblib::native
