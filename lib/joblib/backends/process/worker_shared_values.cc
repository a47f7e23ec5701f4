#include "joblib/backends/process/worker_shared_values.h"

#include <chrono>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "native/unnamed_file.h"

namespace joblib::internal {
namespace {

// Its sender sent it before it was announced.
constexpr std::chrono::seconds kArrival{10};

struct MappedArray final : ArrayMemory {
  explicit MappedArray(native::FileMap taken) : map(std::move(taken)) {
    data = map.data();
    bytes = map.bytes();
    descriptor = map.fd();
  }
  native::FileMap map;
};

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

void WorkerSharedValues::TakeArray(const ArrayHeader& header,
                                   const std::string& filename) {
  absl::StatusOr<native::DescriptorSocket::Received> received =
      socket_.Receive(kArrival);
  absl::StatusOr<native::MappedFile> file;
  if (!received.ok()) {
    file = received.status();
  } else {
    file =
        native::AdoptFile(received->descriptor, header.offset + header.bytes);
    if (received->word != header.number) {
      file = absl::DataLossError("it is another one");
    }
  }
  absl::MutexLock lock(&mu_);
  Array& array = arrays_[header.number];
  array.header = header;
  array.filename = filename;
  // The tasks that are under way with it tell of an error.
  array.file = std::move(file);
  // Its owner sends it again then.
  if (!array.file.ok()) Throw(header.number, array.file.status());
}

std::shared_ptr<ArrayMemory> WorkerSharedValues::MapArray(const Array& array) {
  const ArrayHeader& header = array.header;
  const native::MapMode how =
      header.mode == ArrayMode::kRead          ? native::MapMode::kRead
      : header.mode == ArrayMode::kCopyOnWrite ? native::MapMode::kCopyOnWrite
                                               : native::MapMode::kReadWrite;
  if (!array.file.ok()) Throw(header.number, array.file.status());
  absl::StatusOr<native::MappedFile> file = array.file->Duplicate();
  if (!file.ok()) Throw(header.number, file.status());
  absl::StatusOr<native::FileMap> map =
      native::FileMap::Map(*std::move(file), header.offset, header.bytes, how);
  if (!map.ok()) Throw(header.number, map.status());
  auto memory = std::make_shared<MappedArray>(*std::move(map));
  memory->offset = header.offset;
  memory->filename = array.filename;
  memory->writeable = header.mode != ArrayMode::kRead;
  memory->known_as = header.is_copy != 0 ? 0 : header.number;
  switch (header.mode) {
    case ArrayMode::kShared:
      break;
    case ArrayMode::kRead:
      memory->mmap_mode = "r";
      break;
    case ArrayMode::kReadWrite:
      memory->mmap_mode = "r+";
      break;
    case ArrayMode::kCopyOnWrite:
      memory->mmap_mode = "c";
      break;
  }
  return memory;
}

std::shared_ptr<ArrayMemory> WorkerSharedValues::FindArray(
    std::uint64_t number) {
  absl::MutexLock lock(&mu_);
  const auto found = arrays_.find(number);
  if (found == arrays_.end()) {
    throw DecodeError(
        absl::StrCat("joblib: there is no array ", number, " here."));
  }
  Array& array = found->second;
  if (array.memory != nullptr) return array.memory;
  std::shared_ptr<ArrayMemory> memory = MapArray(array);
  if (array.header.mode != ArrayMode::kCopyOnWrite) array.memory = memory;
  return memory;
}

void WorkerSharedValues::Forget(std::uint64_t number) {
  // Outside of the lock.
  decltype(values_)::node_type dropped;
  decltype(arrays_)::node_type dropped_array;
  absl::MutexLock lock(&mu_);
  dropped_array = arrays_.extract(number);
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
