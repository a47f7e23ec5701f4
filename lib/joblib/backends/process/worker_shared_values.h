// WorkerSharedValues: the values that a worker got once for many tasks.
//
// Each is a sealed piece of memory until the first task that uses it decodes
// it; from then on all tasks share that object.
//
// Thread-safety: Find from any thread; the others on the worker's own.
#ifndef JOBLIB_BACKENDS_PROCESS_WORKER_SHARED_VALUES_H_
#define JOBLIB_BACKENDS_PROCESS_WORKER_SHARED_VALUES_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/call_header.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/byte_reader.h"
#include "native/descriptor_socket.h"
#include "native/file_map.h"
#include "native/shared_memory.h"

namespace joblib::internal {

class WorkerSharedValues final : public SharedValues {
 public:
  explicit WorkerSharedValues(native::DescriptorSocket socket)
      : socket_(std::move(socket)) {}

  // Whether the other end of the socket is closed.
  bool OwnerIsGone() const { return socket_.PeerClosed(); }
  const native::DescriptorSocket& socket() const { return socket_; }
  // The one of that number comes next over the socket. Throws DecodeError.
  void Take(std::uint64_t number, std::uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeArray(const ArrayHeader& header, const std::string& filename)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(std::uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<const void> Find(
      std::uint64_t number,
      const std::function<std::shared_ptr<const void>(ByteReader&)>& decode)
      override ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<ArrayMemory> FindArray(std::uint64_t number) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Value {
    std::shared_ptr<const native::Mapping> map;  // Until it is decoded.
    std::uint64_t bytes = 0;
    std::shared_ptr<const void> decoded;
  };
  struct Array {
    ArrayHeader header = {};
    std::string filename;
    absl::StatusOr<native::MappedFile> file;
    // But for copy-on-write: there each task has a map of its own.
    std::shared_ptr<ArrayMemory> memory;
  };
  static std::shared_ptr<ArrayMemory> MapArray(const Array& array);

  native::DescriptorSocket socket_;
  absl::Mutex mu_;
  std::map<std::uint64_t, Value> values_ ABSL_GUARDED_BY(mu_);
  std::map<std::uint64_t, Array> arrays_ ABSL_GUARDED_BY(mu_);
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WORKER_SHARED_VALUES_H_
