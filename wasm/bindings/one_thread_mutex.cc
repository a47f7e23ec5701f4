// absl::Mutex where there is one thread. A definition of the program's own
// keeps the linker from taking Abseil's, which weighs 15 kB: nobody is ever
// waited for here.
#include <emscripten/console.h>

#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

// Of mu_; more are readers.
constexpr intptr_t kFree = 0;
constexpr intptr_t kWriter = -1;

[[noreturn]] void Deadlock() {
  emscripten_console_error(
      "absl::Mutex: this program has one thread, which would wait for itself");
  std::abort();
}

bool Dereference(void* flag) { return *static_cast<bool*>(flag); }

// Only time can pass.
bool HoldsAfter(const Condition& condition, Duration timeout) {
  if (condition.Eval()) return true;
  if (timeout == InfiniteDuration()) Deadlock();
  SleepFor(timeout);
  return condition.Eval();
}

}  // namespace

Mutex::~Mutex() = default;

void Mutex::Lock() {
  if (!TryLock()) Deadlock();
}

void Mutex::Unlock() { mu_ = kFree; }

bool Mutex::TryLock() {
  if (mu_ != kFree) return false;
  mu_ = kWriter;
  return true;
}

void Mutex::ReaderLock() {
  if (!ReaderTryLock()) Deadlock();
}

void Mutex::ReaderUnlock() { --mu_; }

bool Mutex::ReaderTryLock() {
  if (mu_ == kWriter) return false;
  ++mu_;
  return true;
}

void Mutex::AssertHeld() const {
  if (mu_ != kWriter) Deadlock();
}
void Mutex::AssertReaderHeld() const {
  if (mu_ == kFree) Deadlock();
}

void Mutex::AssertNotHeld() const {}
void Mutex::ForgetDeadlockInfo() {}
void Mutex::EnableInvariantDebugging(void (*)(void*), void*) {}
void Mutex::EnableDebugLog(const char*) {}

void Mutex::Await(const Condition& condition) {
  if (!condition.Eval()) Deadlock();
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  return HoldsAfter(condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  return HoldsAfter(condition, deadline - Now());
}

void Mutex::LockWhen(const Condition& condition) {
  Lock();
  Await(condition);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  Lock();
  return HoldsAfter(condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  Lock();
  return HoldsAfter(condition, deadline - Now());
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  ReaderLock();
  Await(condition);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition,
                                      Duration timeout) {
  ReaderLock();
  return HoldsAfter(condition, timeout);
}

bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition,
                                       Time deadline) {
  ReaderLock();
  return HoldsAfter(condition, deadline - Now());
}

void ReleasableMutexLock::Release() {
  mu_->Unlock();
  mu_ = nullptr;
}

CondVar::~CondVar() = default;
void CondVar::Wait(Mutex*) { Deadlock(); }

// Whether its time is over.
bool CondVar::WaitWithTimeout(Mutex*, Duration timeout) {
  if (timeout == InfiniteDuration()) Deadlock();
  SleepFor(timeout);
  return true;
}

bool CondVar::WaitWithDeadline(Mutex* mu, Time deadline) {
  return WaitWithTimeout(mu, deadline - Now());
}

void CondVar::Signal() {}
void CondVar::SignalAll() {}
void CondVar::EnableDebugLog(const char*) {}

const Condition Condition::kTrue;

Condition::Condition()
    : eval_(nullptr), function_(nullptr), method_(nullptr), arg_(nullptr) {}

Condition::Condition(bool (*func)(void*), void* arg)
    : eval_(&CallVoidPtrFunction),
      function_(func),
      method_(nullptr),
      arg_(arg) {}

Condition::Condition(const bool* flag)
    : Condition(&Dereference, const_cast<bool*>(flag)) {}

bool Condition::CallVoidPtrFunction(const Condition* condition) {
  return condition->function_(condition->arg_);
}

bool Condition::Eval() const { return eval_ == nullptr || eval_(this); }

ABSL_NAMESPACE_END
}  // namespace absl
