#include "joblib/core/thread_state.h"

#include <utility>

#include "joblib/core/first_copy.h"

namespace joblib::internal {
namespace {

// No destructor: code may ask for it after the thread_local destructors ran.
constinit thread_local ThreadState thread_state;

// Drops the reference of a thread that ends inside a scope.
struct ConfigDropper {
  ~ConfigDropper() { SwapActiveConfig(ConfigRef()); }
};

ThreadState* OwnThread() { return &thread_state; }

using ThreadStates = ThreadState* (*)();

}  // namespace

JOBLIB_COPY_OF("thread_state", ThreadStates, joblib_copy_thread_state,
               OwnThread)

ThreadState* CurrentThread() {
  static const ThreadStates& states =
      FirstCopy("thread_state", joblib_copy_thread_state);
  // As a rule there is one copy: the compiler sees through it.
  return states == OwnThread ? &thread_state : states();
}

ConfigRef ActiveConfig() {
  const Config* config = CurrentThread()->config;
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
  return ConfigRef::Adopt(
      std::exchange(CurrentThread()->config, config.release()));
}

ThreadStateScope::ThreadStateScope(ConfigRef config, const TaskContext* task)
    : former_config_(SwapActiveConfig(std::move(config))),
      former_task_(std::exchange(CurrentThread()->task, task)) {}

ThreadStateScope::~ThreadStateScope() {
  SwapActiveConfig(std::move(former_config_));
  CurrentThread()->task = former_task_;
}

}  // namespace joblib::internal
