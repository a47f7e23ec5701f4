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

// What is sent with a descriptor: its place in the result, and from this bit on
// 1 + the number of the memory in ResultPool, or 0.
constexpr int kLentShift = 32;

// Of the 65,530 maps that a process may have by default; the heap needs some,
// and the program.
constexpr int kMaxMappedResults = 30'000;
std::atomic<int> mapped_results{0};

struct MappedResult final : ArrayMemory {
  MappedResult(LentResult from, native::Mapping taken)
      : lent(std::move(from)), map(std::move(taken)) {
    data = map.data();
    bytes = map.bytes();
    mapped_results.fetch_add(1, std::memory_order_relaxed);
  }
  ~MappedResult() override {
    mapped_results.fetch_sub(1, std::memory_order_relaxed);
  }
  const LentResult lent;  // Before the map: given back after it.
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
    LentResult lent, const native::SharedMemory& file) {
  if (file.HasFixedSize() &&
      mapped_results.load(std::memory_order_relaxed) < kMaxMappedResults) {
    absl::StatusOr<native::Mapping> map =
        native::Mapping::Map(file, 0, file.bytes());
    if (map.ok()) {
      return std::make_shared<MappedResult>(std::move(lent), *std::move(map));
    }
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

void OutgoingArrays::ClearAny() {
  any_ = false;
  for (const Outgoing& array : arrays_) {
    if (array.lent >= 0 && !array.is_sent) pool_.TakeBack(array.lent);
  }
  arrays_.clear();
  pool_.ForgetAnnounced();
}

template <class Write>
absl::StatusOr<OutgoingArrays::Outgoing> OutgoingArrays::Copy(
    std::size_t bytes, const Write& write) {
  const std::shared_ptr<ArrayMemory> memory = pool_.MakeForCopy(bytes);
  if (memory == nullptr) {
    return absl::ResourceExhaustedError("no memory or descriptor is left");
  }
  absl::StatusOr<native::MappedFile> file =
      native::MappedFile::SameAs(memory->result_descriptor, bytes);
  if (!file.ok()) return file.status();
  write(memory->data);
  Outgoing copy;
  copy.file = *std::move(file);
  copy.number = pool_.Announce(*memory);
  return copy;
}

bool OutgoingArrays::Add(const std::shared_ptr<ArrayMemory>& memory,
                         const ArrayPiece& piece, ArrayRef* ref) {
  if (!above_.has_value() || piece.bytes <= *above_ ||
      arrays_.size() == kMaxResultArrays) {
    return false;
  }
  any_ = true;
  const bool as_it_is = memory->result_descriptor >= 0 &&
                        memory.use_count() == 1 && piece.bytes == memory->bytes;
  if (as_it_is) {
    absl::StatusOr<native::MappedFile> file =
        native::MappedFile::SameAs(memory->result_descriptor, memory->bytes);
    if (!file.ok()) return false;
    Outgoing& array = arrays_.emplace_back();
    array.file = *std::move(file);
    array.memory = memory;
    array.number = pool_.Announce(*memory);
  } else {
    absl::StatusOr<Outgoing> copy = Copy(piece.bytes, piece.write);
    if (!copy.ok()) return false;
    arrays_.push_back(*std::move(copy));
  }
  *ref = {kHandedOver | (arrays_.size() - 1), /*is_piece=*/!as_it_is};
  return true;
}

absl::Status OutgoingArrays::Settle() {
  for (Outgoing& array : arrays_) {
    const std::shared_ptr<ArrayMemory> held = array.memory.lock();
    if (held == nullptr) continue;
    pool_.Retract(*held);
    absl::StatusOr<Outgoing> copy = Copy(held->bytes, [&](std::byte* into) {
      std::memcpy(into, held->data, held->bytes);
    });
    if (!copy.ok()) return copy.status();
    array = *std::move(copy);
  }
  return absl::OkStatus();
}

absl::Status OutgoingArrays::Send(const native::DescriptorSocket& socket,
                                  std::size_t i) {
  Outgoing& array = arrays_[i];
  if (array.number != 0) {
    array.lent = pool_.Lend(std::exchange(array.number, 0));
  }
  const std::uint64_t lent = static_cast<std::uint64_t>(array.lent + 1);
  const absl::Status sent =
      socket.Send(lent << kLentShift | i, array.file.fd());
  if (sent.ok()) array.is_sent = true;
  return sent;
}

bool IncomingArrays::Receive(const native::DescriptorSocket& socket, int n,
                             const std::shared_ptr<ReturnedResults>& returned) {
  if (n > static_cast<int>(kMaxResultArrays)) return false;
  for (int i = 0; i < n; ++i) {
    std::uint64_t word = 0;
    absl::StatusOr<native::DescriptorSocket::Received> received =
        socket.Receive(std::chrono::milliseconds(0), &word);
    if (absl::IsUnavailable(received.status()) ||
        absl::IsAborted(received.status())) {
      return false;
    }
    const std::uint64_t lent = word >> kLentShift;
    const bool is_good = lent <= kMaxKeptResults &&
                         (word & ((std::uint64_t{1} << kLentShift) - 1)) ==
                             static_cast<std::uint64_t>(i);
    Incoming& array = arrays_.emplace_back(
        LentResult(returned, is_good ? static_cast<int>(lent) - 1 : -1));
    if (!received.ok()) {
      array.file = received.status();  // Its task tells of it.
      continue;
    }
    array.file = native::SharedMemory::Adopt(received->descriptor, /*bytes=*/0);
    if (!is_good) return false;
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
  const Memory memory = array.file.ok()
                            ? MapOrRead(std::move(array.lent), *array.file)
                            : Memory(array.file.status());
  if (!memory.ok()) {
    throw DecodeError(
        absl::StrCat("joblib: an array of a result did not arrive: ",
                     memory.status().message()));
  }
  array.memory = *memory;
  return array.memory;
}

}  // namespace joblib::internal
