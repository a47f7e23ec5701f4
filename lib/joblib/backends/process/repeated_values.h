// RepeatedValues: notices when a call sends one large value again and again. A
// plain value has no identity, so it is told by its size and a sample of it.
//
//   if (repeated.Note(bytes, n, task)) warn(repeated.kMaxTimes, n);  // Once.
//
// Thread-safety: none.
#ifndef JOBLIB_BACKENDS_PROCESS_REPEATED_VALUES_H_
#define JOBLIB_BACKENDS_PROCESS_REPEATED_VALUES_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace joblib::internal {

class RepeatedValues {
 public:
  // More often than so it is worth a word.
  static constexpr int kMaxTimes = 16;

  // `n` bytes, at least 8, are about to be sent with the call's task of number
  // `task`; sent again it is the same one. True, once: kMaxTimes others before
  // it had them, in a row.
  bool Note(const void* bytes, std::size_t n, std::int64_t task);

 private:
  std::size_t bytes_ = 0;
  std::uint64_t sample_ = 0;
  int times_ = 0;
  std::array<std::int64_t, kMaxTimes + 1> tasks_ = {};  // `times_` of them.
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_REPEATED_VALUES_H_
