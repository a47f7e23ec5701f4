#include "joblib/core/thread_state.h"

#include <utility>

namespace joblib::internal {
namespace {

// No destructor: code may ask for it after the thread_local destructors ran.
constinit thread_local ThreadState thread_state;

// Drops the reference of a thread that ends inside a scope.
struct ConfigDropper {
  ~ConfigDropper() { SwapActiveConfig(ConfigRef()); }
};

}  // namespace

ThreadState* CurrentThread() { return &thread_state; }

ConfigRef ActiveConfig() {
  const Config* config = thread_state.config;
  if (config == nullptr) {
    static const Config* const kDefault = [] {
      auto* const fresh = new Config;
      fresh->immortal = true;
      return fresh;
    }();
    config = kDefault;
  }
  return ConfigRef(config);
}

ConfigRef SwapActiveConfig(ConfigRef config) {
  if (config.get() != nullptr) {
    static thread_local ConfigDropper dropper;
    (void)dropper;
  }
  return ConfigRef::Adopt(std::exchange(thread_state.config, config.release()));
}

ThreadStateScope::ThreadStateScope(ConfigRef config, const TaskContext* task)
    : former_config_(SwapActiveConfig(std::move(config))),
      former_task_(std::exchange(thread_state.task, task)) {}

ThreadStateScope::~ThreadStateScope() {
  SwapActiveConfig(std::move(former_config_));
  thread_state.task = former_task_;
}

}  // namespace joblib::internal
