// ResultPool: the memory in which a worker's tasks make large arrays, used
// again once it is free: fresh pages cost ten times what writing to them does.
// ReturnedResults: how the parent says that a result's memory is free.
//
// The life of such memory, all of it in the worker's address space:
//
//   spare ─Make()─> an array ─last handle gone─> spare
//                      └─Announce()─> announced ─Lend()─> lent, without access
//   spare <─the parent's last handle gone: a bit in the channel─┘
//
// So no page is used again while an array here or in the parent has it, and a
// stray write here can't reach what the parent was given. Whoever fork()s in
// the meantime has a copy of all maps: memory that is older than this process's
// last fork() is never used again, only given back to the system. (A process
// made by a bare clone(2), of which pthread_atfork tells nothing, is not
// known.)
//
// Thread-safety: Make and its arrays from any thread, ReturnedResults as well;
// the others on the worker's own thread.
#ifndef JOBLIB_BACKENDS_PROCESS_RESULT_POOL_H_
#define JOBLIB_BACKENDS_PROCESS_RESULT_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/result_words.h"
#include "joblib/core/array_memory.h"
#include "native/file_map.h"

namespace joblib::internal {

// Of one worker: spare or lent. Each has a descriptor and a map.
inline constexpr int kMaxKeptResults = 32;
inline constexpr std::size_t kMaxKeptBytes = std::size_t{512} << 20;

class ResultPool final : public ResultMemorySource {
 public:
  // Never destroyed before its arrays are.
  explicit ResultPool(ResultWords* words);
  ResultPool(const ResultPool&) = delete;

  std::shared_ptr<ArrayMemory> Make(std::size_t bytes, bool zeros) override
      ABSL_LOCKS_EXCLUDED(mu_);

  // The same for a copy, which is announced and let go at once: however many
  // arrays the task has.
  std::shared_ptr<ArrayMemory> MakeForCopy(std::size_t bytes)
      ABSL_LOCKS_EXCLUDED(mu_);

  // `memory`, of these, is about to go to the parent: once its last handle is
  // gone, nobody here gets it. Returns its number.
  std::uint64_t Announce(ArrayMemory& memory) ABSL_LOCKS_EXCLUDED(mu_);
  // It is not: somebody here holds it.
  void Retract(ArrayMemory& memory) ABSL_LOCKS_EXCLUDED(mu_);
  // Keeps the announced memory of that number for when the parent gives it
  // back: by this number, below kMaxKeptResults. -1: it is not kept.
  int Lend(std::uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  // The parent did not get it.
  void TakeBack(int lent) ABSL_LOCKS_EXCLUDED(mu_);
  // What was announced and not lent is spare again.
  void ForgetAnnounced() ABSL_LOCKS_EXCLUDED(mu_);
  // What is spare goes back to the system.
  void Trim() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Piece {
    native::FileMap map;
    std::size_t bytes = 0;     // Whole pages.
    std::uint64_t number = 0;  // Of the array that it was or is.
    std::uint32_t forks = 0;   // How many there were when it was made.
  };
  struct ResultMemory;

  std::shared_ptr<ArrayMemory> MakeAny(std::size_t bytes, bool zeros)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Release(Piece piece, bool is_announced) ABSL_LOCKS_EXCLUDED(mu_);
  // Where the parent has said something about lent memory. What is not used
  // again goes to *gone, to be unmapped without the lock.
  void HearParent(std::vector<Piece>* gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AddSpare(Piece piece, std::vector<Piece>* gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes room for one of that size by what is spare. False: there is none.
  bool MakeRoom(std::size_t bytes, std::vector<Piece>* gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  ResultWords& words_;
  const std::int64_t process_;  // Not to be used by one that it fork()s.
  std::atomic<int> arrays_{0};  // That there are.
  absl::Mutex mu_;
  std::uint64_t numbers_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Piece> spare_ ABSL_GUARDED_BY(mu_);  // The latest is the last.
  std::vector<Piece> announced_ ABSL_GUARDED_BY(mu_);
  std::array<Piece, kMaxKeptResults> lent_ ABSL_GUARDED_BY(mu_);
  // Of spare_ and lent_.
  int kept_ ABSL_GUARDED_BY(mu_) = 0;
  std::size_t kept_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

// The parent's side, of one worker.
class ReturnedResults {
 public:
  explicit ReturnedResults(ResultWords* words) : words_(words) {}
  ReturnedResults(const ReturnedResults&) = delete;
  // The worker's channel is about to be unmapped.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class LentResult;
  void Tell(int lent, bool is_free) ABSL_LOCKS_EXCLUDED(mu_);

  absl::Mutex mu_;
  ResultWords* words_ ABSL_GUARDED_BY(mu_);
};

// Memory that a worker has lent; gives it back in the destructor. Nobody in
// this process may map it any more then.
class LentResult {
 public:
  LentResult() = default;
  // lent: as the worker says.
  LentResult(std::shared_ptr<ReturnedResults> to, int lent);
  LentResult(LentResult&&) noexcept = default;
  LentResult& operator=(LentResult&&) = delete;
  ~LentResult();

 private:
  std::shared_ptr<ReturnedResults> to_;
  int lent_ = -1;
  std::int64_t process_ = 0;
  std::uint32_t forks_ = 0;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_RESULT_POOL_H_
