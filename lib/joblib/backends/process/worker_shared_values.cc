#include "joblib/backends/process/worker_shared_values.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"

namespace joblib::internal {
namespace {

// Its sender sent it before it was announced.
constexpr std::chrono::seconds kArrival{10};

[[noreturn]] void Throw(std::uint64_t number, const absl::Status& status) {
  throw DecodeError(absl::StrCat("joblib: shared value ", number,
                                 " did not arrive: ", status.message()));
}

}  // namespace

void WorkerSharedValues::Take(std::uint64_t number, std::uint64_t bytes) {
  absl::StatusOr<native::DescriptorSocket::Received> received =
      socket_.Receive(kArrival);
  if (!received.ok()) Throw(number, received.status());
  absl::StatusOr<native::SharedMemory> memory =
      native::SharedMemory::Adopt(received->descriptor, /*bytes=*/0);
  if (!memory.ok()) Throw(number, memory.status());
  if (received->word != number || memory->bytes() < bytes) {
    Throw(number, absl::DataLossError("it is another one"));
  }
  absl::StatusOr<native::Mapping> map = native::Mapping::Map(
      *memory, 0, memory->bytes(), native::Mapping::Access::kRead);
  if (!map.ok()) Throw(number, map.status());
  absl::MutexLock lock(&mu_);
  Value& value = values_[number];
  value.map = std::make_shared<const native::Mapping>(*std::move(map));
  value.bytes = bytes;
}

void WorkerSharedValues::Forget(std::uint64_t number) {
  decltype(values_)::node_type dropped;  // Outside of the lock.
  absl::MutexLock lock(&mu_);
  dropped = values_.extract(number);
}

std::shared_ptr<const void> WorkerSharedValues::Find(
    std::uint64_t number,
    const std::function<std::shared_ptr<const void>(ByteReader&)>& decode) {
  Value value;
  {
    absl::MutexLock lock(&mu_);
    const auto found = values_.find(number);
    if (found == values_.end()) {
      throw DecodeError(
          absl::StrCat("joblib: there is no shared value ", number, " here."));
    }
    value = found->second;
  }
  if (value.decoded != nullptr) return value.decoded;
  // Without the lock: one shared value may hold another.
  ByteReader in(value.map->data(), value.bytes, this);
  std::shared_ptr<const void> decoded = decode(in);
  absl::MutexLock lock(&mu_);
  const auto found = values_.find(number);
  if (found == values_.end()) return decoded;
  // Of two threads that decoded it the first one's stays.
  if (found->second.decoded == nullptr) found->second.decoded = decoded;
  found->second.map = nullptr;
  return found->second.decoded;
}

}  // namespace joblib::internal
