#include "joblib/backends/process/shared_array.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "joblib/backends/process/shared_memory_value.h"
#include "joblib/backends/process/temp_folder.h"
#include "joblib/core/errors.h"
#include "native/environment.h"
#include "native/thread.h"
#include "native/unnamed_file.h"

namespace joblib::internal {
namespace {

// What the slot of an array's memory keeps. Slices that cover it are kept, and
// as much again; of a window that slides over it those used last.
class SharedArrays {
 public:
  // The copy of a piece; null: there is none.
  std::shared_ptr<SharedArray> Find(const std::vector<std::int64_t>& key) {
    const auto found = copies_.find(key);
    if (found == copies_.end()) return nullptr;
    found->second.used = ++uses_;
    return found->second.array;
  }
  void Keep(const std::vector<std::int64_t>& key,
            std::shared_ptr<SharedArray> array, std::uint64_t max_bytes) {
    copies_[key] = {std::move(array), ++uses_};
    std::uint64_t bytes = 0;
    for (const auto& [k, copy] : copies_) bytes += copy.array->header.bytes;
    while (bytes > max_bytes && copies_.size() > 1) {
      const auto oldest = std::min_element(
          copies_.begin(), copies_.end(), [](const auto& a, const auto& b) {
            return a.second.used < b.second.used;
          });
      bytes -= oldest->second.array->header.bytes;
      copies_.erase(oldest);
    }
  }

  std::shared_ptr<SharedArray> whole;

 private:
  struct Copy {
    std::shared_ptr<SharedArray> array;
    std::uint64_t used = 0;
  };
  std::map<std::vector<std::int64_t>, Copy> copies_;
  std::uint64_t uses_ = 0;
};

ABSL_CONST_INIT absl::Mutex known_mu(absl::kConstInit);
std::map<std::uint64_t, std::weak_ptr<ArrayMemory>>* known
    ABSL_GUARDED_BY(known_mu) = nullptr;

// Held by no thread that a child of a fork() does not have.
[[maybe_unused]] const absl::Status no_fork_meanwhile =
    native::OnFork([]() ABSL_NO_THREAD_SAFETY_ANALYSIS { known_mu.Lock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { known_mu.Unlock(); },
                   []() ABSL_NO_THREAD_SAFETY_ANALYSIS { known_mu.Unlock(); });

// By reference: whatever its size.
std::shared_ptr<SharedArray> WholeOf(
    const std::shared_ptr<ArrayMemory>& memory) {
  auto array = std::make_shared<SharedArray>();
  array->header.offset = memory->offset;
  array->header.bytes = memory->bytes;
  array->header.mode = memory->mmap_mode == "r"    ? ArrayMode::kRead
                       : memory->mmap_mode == "c"  ? ArrayMode::kCopyOnWrite
                       : memory->mmap_mode.empty() ? ArrayMode::kShared
                                                   : ArrayMode::kReadWrite;
  array->filename = memory->filename;
  array->descriptor = memory->descriptor;
  absl::MutexLock lock(&known_mu);
  if (known == nullptr) {
    known = new std::map<std::uint64_t, std::weak_ptr<ArrayMemory>>;
  }
  (*known)[array->header.number] = memory;
  return array;
}

ArrayMode ModeOf(const std::string& mode) {
  if (mode == "r") return ArrayMode::kRead;
  return mode == "c" ? ArrayMode::kCopyOnWrite : ArrayMode::kReadWrite;
}

// What is in a row is written by write(2), in less than half the time of a map,
// each of whose pages is cleared before. tests/benchmarks/array_benchmark.cc
absl::Status Fill(native::MappedFile& file, const ArrayPiece& piece) {
  if (const absl::Status room = file.Extend(piece.bytes); !room.ok()) {
    return room;
  }
  if (piece.row != nullptr) return file.Write(0, piece.row, piece.bytes);
  absl::StatusOr<native::MappedFile> same = file.Duplicate();
  if (!same.ok()) return same.status();
  const absl::StatusOr<native::FileMap> map = native::FileMap::Map(
      *std::move(same), 0, piece.bytes, native::MapMode::kReadWrite);
  if (!map.ok()) return map.status();
  piece.write(map->data());
  return absl::OkStatus();
}

// A file that holds `piece`.
native::MappedFile FileOf(const ArrayPiece& piece, const ArrayMapping& mapping,
                          std::string* folder,
                          std::vector<std::string>* warnings) {
  const std::uint64_t bytes = piece.bytes;
  std::string reasons;
  for (const std::string& candidate : TempFolders(
           mapping.temp_folder,
           [](const char* name) { return native::GetEnv(name); },
           native::FreeBytes("/dev/shm"))) {
    absl::Status status = native::MakeFolder(candidate);
    if (status.ok()) {
      absl::StatusOr<native::MappedFile> file =
          native::OpenUnnamedFile(candidate);
      status = file.ok() ? Fill(*file, piece) : file.status();
      if (status.ok()) {
        if (!reasons.empty()) {
          warnings->push_back(absl::StrCat(
              "An array of ", bytes,
              " bytes that worker processes map lies in ", candidate,
              ", since there was no room where it belongs: ", reasons));
        }
        *folder = candidate;
        return *std::move(file);
      }
    }
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ", candidate, ": ",
                    status.message());
  }
  throw PicklingError(absl::StrCat(
      "No folder has room for an array of ", bytes,
      " bytes that worker processes are to map. Name one with temp_folder, or "
      "pass arrays by value with max_nbytes=none. (",
      reasons, ")"));
}

std::shared_ptr<SharedArray> CopyOf(const ArrayPiece& piece,
                                    const ArrayMapping& mapping,
                                    std::vector<std::string>* warnings) {
  auto array = std::make_shared<SharedArray>();
  std::string folder;
  array->copy = FileOf(piece, mapping, &folder, warnings);
  array->descriptor = array->copy.fd();
  array->filename =
      absl::StrCat(folder, "/#", array->header.number, " (no name)");
  array->header.bytes = piece.bytes;
  array->header.mode = ModeOf(mapping.mmap_mode);
  array->header.is_copy = 1;
  return array;
}

}  // namespace

SharedArray::SharedArray() { header.number = NewSharedNumber(); }

SharedArray::~SharedArray() {
  EndSharedNumber(header.number);
  absl::MutexLock lock(&known_mu);
  if (known != nullptr) known->erase(header.number);
}

std::shared_ptr<SharedArray> SharedArray::Of(
    const std::shared_ptr<ArrayMemory>& memory, const ArrayPiece& piece,
    const ArrayMapping& mapping, std::vector<std::string>* warnings) {
  const bool has_file = memory->descriptor >= 0;
  const bool is_large =
      mapping.max_nbytes.has_value() && !mapping.mmap_mode.empty() &&
      piece.bytes > static_cast<std::uint64_t>(*mapping.max_nbytes);
  if (!has_file && !is_large) return nullptr;
  const std::lock_guard<std::mutex> lock(memory->slot.mu);
  if (memory->slot.memory == nullptr) {
    memory->slot.memory = std::make_shared<SharedArrays>();
  }
  auto& arrays = *std::static_pointer_cast<SharedArrays>(memory->slot.memory);
  if (has_file) {
    if (arrays.whole == nullptr) arrays.whole = WholeOf(memory);
    return arrays.whole;
  }
  // Read before the elements are.
  const std::uint64_t writes = memory->writes.load(std::memory_order_acquire);
  std::vector<std::int64_t> key = piece.key;
  key.push_back(static_cast<std::int64_t>(ModeOf(mapping.mmap_mode)));
  std::shared_ptr<SharedArray> array = arrays.Find(key);
  if (array == nullptr || array->writes != writes) {
    array = CopyOf(piece, mapping, warnings);
    array->writes = writes;
    arrays.Keep(key, array, 2 * memory->bytes);
  }
  return array;
}

std::shared_ptr<const void> KnownArrays::Find(
    std::uint64_t number,
    const std::function<std::shared_ptr<const void>(ByteReader&)>& /*decode*/) {
  throw DecodeError(
      absl::StrCat("joblib: a result with the shared value ", number));
}

std::shared_ptr<ArrayMemory> KnownArrays::FindArray(std::uint64_t number) {
  if (IncomingArrays::IsOne(number)) return handed_over_.Take(number);
  absl::MutexLock lock(&known_mu);
  if (known != nullptr) {
    const auto found = known->find(number);
    if (found != known->end()) {
      if (auto memory = found->second.lock()) return memory;
    }
  }
  throw DecodeError(absl::StrCat("joblib: a result is the array ", number,
                                 ", which nobody here holds any more."));
}

}  // namespace joblib::internal
