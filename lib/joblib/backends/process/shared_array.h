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

// Finds arrays of this process that results speak of.
class KnownArrays final : public SharedValues {
 public:
  std::shared_ptr<const void> Find(
      std::uint64_t number,
      const std::function<std::shared_ptr<const void>(ByteReader&)>& decode)
      override;
  std::shared_ptr<ArrayMemory> FindArray(std::uint64_t number) override;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_SHARED_ARRAY_H_
