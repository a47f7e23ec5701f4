#include "joblib/backends/cluster/cluster_values.h"

#include <utility>

#include "joblib/backends/cluster/json_text.h"
#include "joblib/core/backend_params.h"

namespace joblib::internal {
namespace {

const char* NameOf(ArrayMode mode) {
  return mode == ArrayMode::kReadWrite     ? "r+"
         : mode == ArrayMode::kCopyOnWrite ? "c"
                                           : "r";
}

std::int64_t AsParam(std::uint64_t n) { return static_cast<std::int64_t>(n); }

}  // namespace

std::uint64_t ClusterValue::number() const {
  return value != nullptr ? value->number : array->header.number;
}

std::string ClusterValue::Described() const {
  BackendParam::Map described = {{"number", AsParam(number())}};
  if (value != nullptr) {
    described.insert({{"descriptor", value->memory.fd()},
                      {"offset", 0},
                      {"bytes", AsParam(value->bytes)},
                      {"mode", ""},
                      {"filename", ""},
                      {"is_file", false}});
  } else {
    const ArrayHeader& header = array->header;
    described.insert({{"descriptor", array->descriptor},
                      {"offset", AsParam(header.offset)},
                      {"bytes", AsParam(header.bytes)},
                      {"mode", NameOf(header.mode)},
                      {"filename", array->filename},
                      {"is_file", header.is_copy == 0}});
  }
  return JsonText(described);
}

std::uint64_t ClusterValues::Share(
    const std::shared_ptr<SharedSlot>& slot,
    const std::function<void(ByteWriter&)>& encode) {
  const std::shared_ptr<SharedMemoryValue> value = SharedMemoryValue::Of(
      *slot, encode,
      [this](const std::shared_ptr<SharedSlot>& inner,
             const std::function<void(ByteWriter&)>& encode_inner) {
        return Share(inner, encode_inner);
      });
  Need(value);
  return value->number;
}

void ClusterValues::Need(const std::shared_ptr<SharedMemoryValue>& value) {
  if (needed_.count(value->number) != 0) return;
  needed_[value->number] = {value, nullptr};
  for (const auto& inner : value->inner) Need(inner);
}

bool ClusterValues::ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                               const ArrayPiece& piece, ArrayRef* ref) {
  // Memory without a file is shared on this machine alone.
  if (memory->descriptor >= 0 && memory->filename.empty()) return false;
  std::shared_ptr<SharedArray> array =
      SharedArray::Of(memory, piece, arrays_, &warnings_);
  if (array == nullptr) return false;
  *ref = {array->header.number, array->header.is_copy != 0};
  needed_[ref->number] = {nullptr, std::move(array)};
  return true;
}

}  // namespace joblib::internal
