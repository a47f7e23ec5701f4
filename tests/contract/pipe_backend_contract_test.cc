// The contract for a backend that ships, as a user writes one from the public
// headers alone: this program, started again, gets the bytes of batches through
// a socket and runs them.
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/contract/contract.h"

namespace {

constexpr int kServerSocket = 3;

// False: the other end is gone.
bool WriteAll(int fd, const void* bytes, std::size_t n) {
  for (const char* at = static_cast<const char*>(bytes); n > 0;) {
    const ssize_t written = send(fd, at, n, MSG_NOSIGNAL);
    if (written <= 0) return false;
    at += written;
    n -= static_cast<std::size_t>(written);
  }
  return true;
}
bool ReadAll(int fd, void* bytes, std::size_t n) {
  for (char* at = static_cast<char*>(bytes); n > 0;) {
    const ssize_t got = read(fd, at, n);
    if (got <= 0) return false;
    at += got;
    n -= static_cast<std::size_t>(got);
  }
  return true;
}
bool Send(int fd, const std::string& text) {
  const std::uint64_t size = text.size();
  return WriteAll(fd, &size, sizeof size) &&
         WriteAll(fd, text.data(), text.size());
}
bool Receive(int fd, std::string* text) {
  std::uint64_t size;
  if (!ReadAll(fd, &size, sizeof size)) return false;
  text->resize(size);
  return ReadAll(fd, text->data(), size);
}

void Serve() {
  std::string batch;
  while (Receive(kServerSocket, &batch) &&
         Send(kServerSocket, joblib::Batch::run_bytes(batch))) {
  }
}

// This program as a server of batches. One thread asks, any may kill.
class Server {
 public:
  Server() {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::runtime_error("socketpair");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kServerSocket);
    char name[] = "/proc/self/exe", serve[] = "--serve";
    char* arguments[] = {name, serve, nullptr};
    if (posix_spawn(&pid_, name, &actions, nullptr, arguments, environ) != 0) {
      throw std::runtime_error("posix_spawn");
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    fd_ = ends[0];
  }
  ~Server() {
    Kill();
    waitpid(pid_, nullptr, 0);
    close(fd_);
  }
  Server(const Server&) = delete;

  bool Ask(const std::string& batch, std::string* reply) {
    return Send(fd_, batch) && Receive(fd_, reply);
  }
  void Kill() {
    killed_ = true;
    kill(pid_, SIGKILL);
  }
  bool killed() const { return killed_; }

 private:
  bool killed_ = false;
  pid_t pid_;
  int fd_;
};

// Those that nobody uses: starting one takes longer than most tests.
class IdleServers {
 public:
  static std::unique_ptr<Server> Take() {
    const std::lock_guard<std::mutex> lock(mu_);
    if (idle_.empty()) return std::make_unique<Server>();
    std::unique_ptr<Server> server = std::move(idle_.back());
    idle_.pop_back();
    return server;
  }
  static void GiveBack(std::unique_ptr<Server> server) {
    if (server == nullptr) return;
    const std::lock_guard<std::mutex> lock(mu_);
    idle_.push_back(std::move(server));
  }
  static void End() {
    const std::lock_guard<std::mutex> lock(mu_);
    idle_.clear();
  }

 private:
  static inline std::mutex& mu_ = *new std::mutex;
  static inline auto& idle_ = *new std::vector<std::unique_ptr<Server>>;
};

// Threads, each with a server.
class Pool {
 public:
  explicit Pool(int n) {
    for (int i = 0; i < n; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Pool() {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      ends_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void Push(joblib::Batch batch) {
    {
      const std::lock_guard<std::mutex> lock(mu_);
      queue_.push_back(std::move(batch));
    }
    changed_.notify_one();
  }
  // What waits reports itself as cancelled, what runs is killed.
  void Abort() {
    std::deque<joblib::Batch> waiting;
    const std::lock_guard<std::mutex> lock(mu_);
    waiting.swap(queue_);
    for (Server* server : busy_) server->Kill();
  }

 private:
  void Run() {
    std::unique_ptr<Server> server;
    std::unique_lock<std::mutex> lock(mu_);
    for (;;) {
      changed_.wait(lock, [&] { return ends_ || !queue_.empty(); });
      if (queue_.empty()) return IdleServers::GiveBack(std::move(server));
      joblib::Batch batch = std::move(queue_.front());
      queue_.pop_front();
      if (server == nullptr) server = IdleServers::Take();
      busy_.push_back(server.get());
      lock.unlock();
      std::string reply;
      std::exception_ptr error;
      bool answered = false;
      try {
        answered = server->Ask(batch.bytes(), &reply);
      } catch (...) {
        error = std::current_exception();
      }
      lock.lock();
      std::erase(busy_, server.get());
      const bool killed = server->killed();
      lock.unlock();
      // Maybe after its answer.
      if (killed || !answered) server.reset();
      if (answered) {
        batch.finish(reply);
      } else if (error != nullptr) {
        batch.fail(error);
      } else {
        batch.fail(std::make_exception_ptr(joblib::CancelledError("killed")));
      }
      lock.lock();
    }
  }

  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<joblib::Batch> queue_;
  std::vector<Server*> busy_;
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

class PipeBackend final : public joblib::ParallelBackendBase {
 public:
  int effective_n_jobs(joblib::NJobs n_jobs) const override {
    return joblib::ThreadingBackend().effective_n_jobs(n_jobs);
  }
  int configure(joblib::NJobs n_jobs, const joblib::BackendParams&) override {
    // All calls share it; several can be under way.
    const int n = effective_n_jobs(n_jobs);
    if (pool_ == nullptr) pool_ = std::make_unique<Pool>(n);
    return n;
  }
  void submit(joblib::Batch batch) override { pool_->Push(std::move(batch)); }
  void abort_everything(bool) override { pool_->Abort(); }

 private:
  std::unique_ptr<Pool> pool_;
};

}  // namespace

namespace joblib::testing {

JOBLIB_TEST_CONTRACT(Pipe,
                     std::vector{BackendUnderTest{
                         .name = "Pipe2",
                         .make = [] { return std::make_shared<PipeBackend>(); },
                         .n_jobs = 2,
                         .processes = true}});

}  // namespace joblib::testing

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--serve") {
    Serve();
    return 0;
  }
  ::testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  IdleServers::End();
  return code;
}
