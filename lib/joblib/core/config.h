// Config: what the scopes of a thread say, merged. A parallel_config scope
// installs one; Parallel and the running tasks read it.
//
// Immutable once installed and counted by reference, so that scopes may end out
// of order and a call may outlive the scope it began in.
#ifndef JOBLIB_CORE_CONFIG_H_
#define JOBLIB_CORE_CONFIG_H_

#include <atomic>
#include <memory>
#include <utility>

#include "joblib/core/setting.h"

namespace joblib::internal {

struct Config {
  std::shared_ptr<ParallelBackendBase> backend;  // Null: no scope named one.
  NJobs n_jobs;
  Setting<Integer> verbose;
  Setting<Text> temp_folder;
  Setting<IntegerOrText> max_nbytes;
  MmapMode mmap_mode;
  Setting<Text> prefer;
  Setting<Text> require;

  // Never deleted, so that nobody counts: what all calls share.
  bool immortal = false;
  mutable std::atomic<int> references{0};
};

// Shares a Config. Thread-safety: as std::shared_ptr; one word, so that a
// thread's active configuration needs no destructor (see thread_state.h).
class ConfigRef {
 public:
  ConfigRef() = default;
  explicit ConfigRef(const Config* config) : config_(config) { Acquire(); }
  ConfigRef(const ConfigRef& other) : ConfigRef(other.config_) {}
  ConfigRef(ConfigRef&& other) noexcept
      : config_(std::exchange(other.config_, nullptr)) {}
  ConfigRef& operator=(ConfigRef other) noexcept {
    std::swap(config_, other.config_);
    return *this;
  }
  ~ConfigRef() {
    if (config_ != nullptr && !config_->immortal &&
        config_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      delete config_;
    }
  }

  // Takes over a reference that release() gave away.
  static ConfigRef Adopt(const Config* config) {
    ConfigRef ref;
    ref.config_ = config;
    return ref;
  }
  const Config* release() { return std::exchange(config_, nullptr); }
  const Config* get() const { return config_; }
  const Config& operator*() const { return *config_; }
  const Config* operator->() const { return config_; }

 private:
  void Acquire() {
    if (config_ != nullptr && !config_->immortal) {
      config_->references.fetch_add(1, std::memory_order_relaxed);
    }
  }
  const Config* config_ = nullptr;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_CONFIG_H_
