// SharedArray: the memory of an array as worker processes map it: its own file
// or shared memory, or a copy that was written once to a file without a name.
//
// Thread-safety: all functions.
#ifndef JOBLIB_BACKENDS_PROCESS_SHARED_ARRAY_H_
#define JOBLIB_BACKENDS_PROCESS_SHARED_ARRAY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "joblib/backends/process/call_header.h"
#include "joblib/backends/process/result_arrays.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/byte_reader.h"
#include "native/file_map.h"

namespace joblib::internal {

struct SharedArray {
  SharedArray();
  SharedArray(const SharedArray&) = delete;
  ~SharedArray();  // From here on its number is in DeadNumbers.

  ArrayHeader header = {};
  std::string filename;
  int descriptor = -1;
  native::MappedFile copy;   // Where it is one.
  std::uint64_t writes = 0;  // ArrayMemory::writes when it was copied.

  // That of `piece`, made at the first question and again where its memory was
  // asked for writing since. Null: it travels by value. Throws PicklingError
  // where no folder has room. `warnings`: folders that had none.
  static std::shared_ptr<SharedArray> Of(
      const std::shared_ptr<ArrayMemory>& memory, const ArrayPiece& piece,
      const ArrayMapping& mapping, std::vector<std::string>* warnings);
};

// Finds arrays that a result speaks of: those of this process, and what was
// handed over with it.
class KnownArrays final : public SharedValues {
 public:
  explicit KnownArrays(IncomingArrays* handed_over)
      : handed_over_(*handed_over) {}
  std::shared_ptr<const void> Find(
      std::uint64_t number,
      const std::function<std::shared_ptr<const void>(ByteReader&)>& decode)
      override;
  std::shared_ptr<ArrayMemory> FindArray(std::uint64_t number) override;

 private:
  IncomingArrays& handed_over_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_SHARED_ARRAY_H_
