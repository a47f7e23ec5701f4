#include "joblib/backends/process/result_arrays.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/core/byte_reader.h"

namespace joblib::internal {
namespace {

// Numbers of this kind: the place in the result. All others count values that
// the parent has sent.
constexpr std::uint64_t kHandedOver = std::uint64_t{1} << 63;

// Its elements `write` writes.
template <class Write>
absl::StatusOr<native::MappedFile> Copy(std::size_t bytes, const Write& write) {
  absl::StatusOr<native::FileMap> map = native::FileMap::Anonymous(bytes);
  if (!map.ok()) return map.status();
  write(map->data());
  return native::MappedFile::SameAs(map->fd(), bytes);
}

// Of the 65,530 maps that a process may have by default; the heap needs some,
// and the program.
constexpr int kMaxMappedResults = 30'000;
std::atomic<int> mapped_results{0};

struct MappedResult final : ArrayMemory {
  explicit MappedResult(native::Mapping taken) : map(std::move(taken)) {
    data = map.data();
    bytes = map.bytes();
    mapped_results.fetch_add(1, std::memory_order_relaxed);
  }
  ~MappedResult() override {
    mapped_results.fetch_sub(1, std::memory_order_relaxed);
  }
  const native::Mapping map;
};

struct ReadResult final : ArrayMemory {
  explicit ReadResult(std::size_t n) : block(new std::byte[n]) {
    data = block.get();
    bytes = n;
  }
  const std::unique_ptr<std::byte[]> block;
};

absl::StatusOr<std::shared_ptr<ArrayMemory>> MapOrRead(
    const native::SharedMemory& file) {
  if (file.HasFixedSize() &&
      mapped_results.load(std::memory_order_relaxed) < kMaxMappedResults) {
    absl::StatusOr<native::Mapping> map =
        native::Mapping::Map(file, 0, file.bytes());
    if (map.ok()) return std::make_shared<MappedResult>(*std::move(map));
  }
  auto memory = std::make_shared<ReadResult>(file.bytes());
  absl::StatusOr<native::MappedFile> same =
      native::MappedFile::SameAs(file.fd(), file.bytes());
  if (!same.ok()) return same.status();
  const absl::Status read = same->Read(0, memory->data, memory->bytes);
  if (!read.ok()) return read;
  return memory;
}

}  // namespace

bool OutgoingArrays::Add(const std::shared_ptr<ArrayMemory>& memory,
                         const ArrayPiece& piece, ArrayRef* ref) {
  if (!above_.has_value() || piece.bytes <= *above_ ||
      arrays_.size() == kMaxResultArrays) {
    return false;
  }
  const bool as_it_is = memory->result_descriptor >= 0 &&
                        memory.use_count() == 1 && piece.bytes == memory->bytes;
  absl::StatusOr<native::MappedFile> file =
      as_it_is
          ? native::MappedFile::SameAs(memory->result_descriptor, memory->bytes)
          : Copy(piece.bytes, piece.write);
  if (!file.ok()) return false;
  *ref = {kHandedOver | arrays_.size(), /*is_piece=*/!as_it_is};
  arrays_.push_back({*std::move(file), as_it_is ? memory : nullptr});
  return true;
}

absl::Status OutgoingArrays::Settle() {
  for (Outgoing& array : arrays_) {
    const std::shared_ptr<ArrayMemory> held = array.memory.lock();
    if (held == nullptr) continue;
    absl::StatusOr<native::MappedFile> copy = Copy(
        held->bytes,
        [&](std::byte* into) { std::memcpy(into, held->data, held->bytes); });
    if (!copy.ok()) return copy.status();
    array.file = *std::move(copy);
  }
  return absl::OkStatus();
}

bool IncomingArrays::Receive(const native::DescriptorSocket& socket, int n) {
  if (n > static_cast<int>(kMaxResultArrays)) return false;
  for (int i = 0; i < n; ++i) {
    absl::StatusOr<native::DescriptorSocket::Received> received =
        socket.Receive(std::chrono::milliseconds(0));
    if (absl::IsUnavailable(received.status()) ||
        absl::IsAborted(received.status())) {
      return false;
    }
    Incoming& array = arrays_.emplace_back();
    if (!received.ok()) {
      array.file = received.status();  // Its task tells of it.
      continue;
    }
    array.file = native::SharedMemory::Adopt(received->descriptor, /*bytes=*/0);
    if (received->word != static_cast<std::uint64_t>(i)) return false;
  }
  return true;
}

bool IncomingArrays::IsOne(std::uint64_t number) {
  return (number & kHandedOver) != 0;
}

std::shared_ptr<ArrayMemory> IncomingArrays::Take(std::uint64_t number) {
  const std::uint64_t i = number & ~kHandedOver;
  if (i >= arrays_.size()) {
    throw DecodeError(absl::StrCat("joblib: array ", i,
                                   " of a result that has ", arrays_.size()));
  }
  Incoming& array = arrays_[i];
  if (array.memory != nullptr) return array.memory;
  using Memory = absl::StatusOr<std::shared_ptr<ArrayMemory>>;
  const Memory memory =
      array.file.ok() ? MapOrRead(*array.file) : Memory(array.file.status());
  if (!memory.ok()) {
    throw DecodeError(
        absl::StrCat("joblib: an array of a result did not arrive: ",
                     memory.status().message()));
  }
  array.memory = *memory;
  return array.memory;
}

}  // namespace joblib::internal
