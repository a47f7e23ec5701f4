// EngineProcess: a scheduler, a worker or a head that a test starts itself, so
// that it can end it.
//
//   EngineProcess scheduler({"-m", "distributed.cli.dask_scheduler"});
//   scheduler.Kill();
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PROCESS_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PROCESS_H_

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "native/companion.h"

namespace joblib::testing {

class EngineProcess {
 public:
  EngineProcess() = default;  // None.
  // The engines' Python with `arguments`. Throws std::runtime_error.
  explicit EngineProcess(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), std::getenv("JOBLIB_PYTHON"));
    absl::StatusOr<native::Companion> started =
        native::Companion::Start(arguments);
    if (!started.ok()) {
      throw std::runtime_error(std::string(started.status().message()));
    }
    process_ = *std::move(started);
  }
  EngineProcess(EngineProcess&&) = default;
  EngineProcess& operator=(EngineProcess&& other) noexcept {
    Kill();
    process_ = std::move(other.process_);
    return *this;
  }
  ~EngineProcess() { Kill(); }

  std::int64_t pid() const { return process_.pid(); }
  // By SIGKILL, with its process group.
  void Kill() {
    if (pid() < 0) return;
    process_.Kill();
    process_.Reap();
    process_ = native::Companion();
  }
  // As its site would: it says goodbye first. Waits for its end.
  void Terminate() {
    kill(static_cast<pid_t>(pid()), SIGTERM);
    AwaitEnd();
  }
  void AwaitEnd() {
    process_.Reap();
    process_ = native::Companion();
  }

 private:
  native::Companion process_;
};

inline sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}
// Accepts connections on a port of 127.0.0.1 and says nothing.
class SilentPeer {
 public:
  SilentPeer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Loopback(0);
    socklen_t n = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, any, n) != 0 || listen(fd_, 5) != 0 ||
        getsockname(fd_, any, &n) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
  }
  SilentPeer(const SilentPeer&) = delete;
  SilentPeer& operator=(const SilentPeer&) = delete;
  ~SilentPeer() { close(fd_); }
  int port() const { return port_; }

 private:
  const int fd_;
  int port_ = 0;
};

// A moment ago.
inline int FreePort() { return SilentPeer().port(); }
inline bool Listens(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(port);
  const bool listens =
      connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return listens;
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PROCESS_H_
