// ForkMark: tells the process that made it from the children that it forks,
// also by a system call that no handler of pthread_atfork(3) hears of.
//
//   const ForkMark mark;
//   ...
//   mark.EndIfForked();  // A load of one word.
//
// Thread-safety: any thread. Source: madvise(2), MADV_WIPEONFORK; where the
// kernel has none of it, process numbers are compared.
#ifndef JOBLIB_NATIVE_FORK_MARK_H_
#define JOBLIB_NATIVE_FORK_MARK_H_

#include <atomic>
#include <cstdint>

namespace joblib::native {

class ForkMark {
 public:
  ForkMark();
  ~ForkMark();
  ForkMark(const ForkMark&) = delete;
  ForkMark& operator=(const ForkMark&) = delete;

  bool IsOfThisProcess() const {
    return word_ != nullptr ? word_->load(std::memory_order_relaxed) != 0
                            : IsSameNumber();
  }
  // In such a child: ends it with code 0 and without a flush, for what stdio
  // holds is its parent's to write.
  void EndIfForked() const {
    if (!IsOfThisProcess()) [[unlikely]] {
      End();
    }
  }

 private:
  bool IsSameNumber() const;
  [[noreturn]] static void End();

  std::atomic<std::uint32_t>* word_;  // On a page that a fork() empties.
  const std::int64_t process_;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FORK_MARK_H_
