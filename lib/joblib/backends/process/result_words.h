// ResultWords: what a parent says of the memory of results that its worker has
// lent (result_pool.h), a bit for each: it is free, to be used again; or it is
// not to be used again. Part of the channel's header.
//
// Thread-safety: the parent sets bits, the worker takes them.
#ifndef JOBLIB_BACKENDS_PROCESS_RESULT_WORDS_H_
#define JOBLIB_BACKENDS_PROCESS_RESULT_WORDS_H_

#include <atomic>
#include <cstdint>

namespace joblib::internal {

struct ResultWords {
  std::atomic<std::uint32_t> free;
  std::atomic<std::uint32_t> dropped;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_RESULT_WORDS_H_
