// ClusterValues: what batches have in common, found while they are encoded:
// arrays above max_nbytes and values of joblib::Shared. They lie where worker
// processes of this machine would find them (SharedArray, SharedMemoryValue);
// the bridge maps them from there and puts them into the engine's own store.
//
// Thread-safety: none.
#ifndef JOBLIB_BACKENDS_CLUSTER_CLUSTER_VALUES_H_
#define JOBLIB_BACKENDS_CLUSTER_CLUSTER_VALUES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "joblib/backends/process/shared_array.h"
#include "joblib/backends/process/shared_memory_value.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/byte_writer.h"

namespace joblib::internal {

// One of them; its descriptor is valid while it lives.
struct ClusterValue {
  std::shared_ptr<SharedMemoryValue> value;  // Or:
  std::shared_ptr<SharedArray> array;
  std::uint64_t number() const;
  // For bridge.py's class Shared: JSON.
  std::string Described() const;
};

// Where a batch is encoded to.
class ClusterValues final : public ByteSink {
 public:
  // `warnings`: folders that had no room for an array.
  ClusterValues(const ArrayMapping& arrays, std::vector<std::string>* warnings)
      : arrays_(arrays),
        warnings_(*warnings),
        writer_(this, nullptr, nullptr) {}

  ByteWriter& writer() { return writer_; }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(writer_.begin()), writer_.size()};
  }
  // By their numbers.
  const std::map<std::uint64_t, ClusterValue>& needed() const {
    return needed_;
  }

  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override {
    return heap_.Grow(begin, used, needed, end);
  }
  std::uint64_t Share(const std::shared_ptr<SharedSlot>& slot,
                      const std::function<void(ByteWriter&)>& encode) override;
  bool ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                  const ArrayPiece& piece, ArrayRef* ref) override;

 private:
  void Need(const std::shared_ptr<SharedMemoryValue>& value);

  const ArrayMapping& arrays_;
  std::vector<std::string>& warnings_;
  HeapBytes heap_;
  ByteWriter writer_;
  std::map<std::uint64_t, ClusterValue> needed_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_CLUSTER_VALUES_H_
