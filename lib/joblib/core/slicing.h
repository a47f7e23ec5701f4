// Slicer: how much of the input to read at a time, and how to cut it into
// batches so that all workers end at about the same time.
//
//   Slicer slicer(n_jobs, pre_dispatch);
//   // The calling thread, until nothing is left to read in its window:
//   n = slicer.NextRead(Slicer::Reader::kStart, batch_size);
//   // Each completed batch, when no batch is ready:
//   n = slicer.NextRead(Slicer::Reader::kCompletion, batch_size);
//   // Either of them then queues what it got:
//   for (std::int64_t size : slicer.Cut(ReadUpTo(n).size())) ...
//
// A slice is n_jobs batches long. One dispatch sends one batch; the others of
// its slice wait in the caller's queue for the next dispatches, and only an
// empty queue leads to a new read.

#ifndef JOBLIB_CORE_SLICING_H_
#define JOBLIB_CORE_SLICING_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace joblib::internal {

// Thread-safety: like a plain struct; a NextRead and its Cut belong together
// under the lock that guards the input.
class Slicer {
 public:
  // Who reads decides how much and how fine.
  enum class Reader {
    kStart,       // The start of the call, before anything need have completed.
    kCompletion,  // A completed batch that makes room for another.
  };

  // `n_jobs` >= 1. `pre_dispatch`: the items that kStart may read in all; unset
  // is "all", which leaves nothing to kCompletion.
  Slicer(std::int64_t n_jobs, std::optional<std::int64_t> pre_dispatch);

  // How many items to read from the input now; 0: none, this reader is done.
  // `batch_size` >= 1.
  std::int64_t NextRead(Reader reader, std::int64_t batch_size);

  // The sizes of the batches, in order, for the `got` items that the last
  // NextRead brought; their sum is `got`. Fewer items than asked for mean the
  // end of the input: none, and the call has nothing more to dispatch.
  std::vector<std::int64_t> Cut(std::int64_t got) const;

 private:
  std::int64_t n_jobs_;
  bool reads_all_at_start_;
  std::int64_t left_in_window_;
  std::int64_t asked_ = 0;
  Reader reader_ = Reader::kStart;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_SLICING_H_
