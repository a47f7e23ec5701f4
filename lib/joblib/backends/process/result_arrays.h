// Large arrays of results: handed from a worker to its parent as memory, by
// descriptor over the worker's socket, in the order in which the result speaks
// of them.
//
// An array that a task made in such memory (result_pool.h), and that nobody in
// the worker holds any more, is not copied at all; any other is copied once, by
// the worker. The parent's map is the only one that can be accessed, and with
// it the memory goes, or back to the worker.
//
// Thread-safety: none.
#ifndef JOBLIB_BACKENDS_PROCESS_RESULT_ARRAYS_H_
#define JOBLIB_BACKENDS_PROCESS_RESULT_ARRAYS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joblib/backends/process/result_pool.h"
#include "joblib/core/array_memory.h"
#include "native/descriptor_socket.h"
#include "native/file_map.h"
#include "native/shared_memory.h"

namespace joblib::internal {

// Smaller ones are cheaper by their elements, whatever max_nbytes is: what is
// new memory to two processes costs page faults in both.
// tests/benchmarks/result_array_benchmark.cc
inline constexpr std::int64_t kMinHandedOverBytes = 256 << 10;
// Of one result; what a socket holds.
inline constexpr std::size_t kMaxResultArrays = 64;

// The worker's side.
class OutgoingArrays {
 public:
  explicit OutgoingArrays(ResultPool* pool) : pool_(*pool) {}
  void HandOverAbove(std::optional<std::uint64_t> bytes) { above_ = bytes; }
  // Those that were not sent stay here.
  void Clear() {
    if (any_) ClearAny();
  }
  // False: it travels by its elements.
  bool Add(const std::shared_ptr<ArrayMemory>& memory, const ArrayPiece& piece,
           ArrayRef* ref);
  // Copies what is held yet although its result is gone: somebody here may
  // write to it. Errors: RESOURCE_EXHAUSTED.
  absl::Status Settle();
  std::size_t size() const { return arrays_.size(); }
  // Of the i-th, settled before. Errors: as DescriptorSocket::Send.
  absl::Status Send(const native::DescriptorSocket& socket, std::size_t i);

 private:
  struct Outgoing {
    native::MappedFile file;
    std::weak_ptr<ArrayMemory> memory;  // Where it is not a copy.
    std::uint64_t number = 0;           // ResultPool's.
    int lent = -1;
    bool is_sent = false;
  };
  void ClearAny();
  // Copies what `write` writes.
  template <class Write>
  absl::StatusOr<Outgoing> Copy(std::size_t bytes, const Write& write);

  ResultPool& pool_;
  std::optional<std::uint64_t> above_;
  bool any_ = false;  // Something was announced since it was cleared.
  std::vector<Outgoing> arrays_;
};

// The parent's side.
class IncomingArrays {
 public:
  // What comes with one answer of the worker that `returned` speaks to. False:
  // it is nonsense.
  bool Receive(const native::DescriptorSocket& socket, int n,
               const std::shared_ptr<ReturnedResults>& returned);
  // Whether ArrayRef::number means one of them.
  static bool IsOne(std::uint64_t number);
  // Maps it; the same for the same number. Throws DecodeError.
  std::shared_ptr<ArrayMemory> Take(std::uint64_t number);

 private:
  struct Incoming {
    explicit Incoming(LentResult from) : lent(std::move(from)) {}
    LentResult lent;  // First: given back once there is no map.
    absl::StatusOr<native::SharedMemory> file;
    std::shared_ptr<ArrayMemory> memory;
  };
  std::vector<Incoming> arrays_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_RESULT_ARRAYS_H_
