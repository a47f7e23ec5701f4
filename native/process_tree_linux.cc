#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "native/process_tree.h"
#include "native/read_file.h"

namespace joblib::native {
namespace {

// A look finds what was started since the last one; a program that forks faster
// than we look is not worth a look without end.
constexpr int kMostLooks = 10;

using Pid = std::int64_t;

// "pid (name) state ppid ...", where the name may hold anything.
std::optional<Pid> ParentOf(Pid pid) {
  const std::optional<std::string> stat =
      ReadSmallFile(absl::StrCat("/proc/", pid, "/stat"));
  if (!stat.has_value()) return std::nullopt;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat->size()) {
    return std::nullopt;
  }
  const char state = (*stat)[name_end + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;  // Ended already.
  return std::strtoll(stat->c_str() + name_end + 4, nullptr, 10);
}

std::multimap<Pid, Pid> ProcessesByParent() {
  std::multimap<Pid, Pid> processes;
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return processes;
  while (const dirent* const entry = readdir(proc)) {
    Pid pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    if (const std::optional<Pid> parent = ParentOf(pid)) {
      processes.emplace(*parent, pid);
    }
  }
  closedir(proc);
  return processes;
}

// Unless `pid` is somebody else by now.
bool SignalIfChildOf(Pid parent, Pid pid, int signal) {
  const auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0 && errno == ESRCH) return false;
  const bool is_child = ParentOf(pid) == parent;
  if (is_child && pidfd >= 0) {
    syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0);
  } else if (is_child) {
    kill(static_cast<pid_t>(pid), signal);
  }
  if (pidfd >= 0) close(pidfd);
  return is_child;
}

}  // namespace

void KillDescendants(std::int64_t pid) {
  for (int look = 0; look < kMostLooks; ++look) {
    const std::multimap<Pid, Pid> by_parent = ProcessesByParent();
    // Parents first, all stopped before the first is killed: whose parent is
    // dead has another parent, and could not be found again.
    std::vector<std::pair<Pid, Pid>> found;
    std::vector<Pid> open = {pid};
    while (!open.empty()) {
      const Pid parent = open.back();
      open.pop_back();
      const auto [begin, end] = by_parent.equal_range(parent);
      for (auto child = begin; child != end; ++child) {
        if (!SignalIfChildOf(parent, child->second, SIGSTOP)) continue;
        found.emplace_back(parent, child->second);
        open.push_back(child->second);
      }
    }
    if (found.empty()) return;
    for (auto child = found.rbegin(); child != found.rend(); ++child) {
      SignalIfChildOf(child->first, child->second, SIGKILL);
    }
  }
}

}  // namespace joblib::native
