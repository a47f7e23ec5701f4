#include "joblib/core/archive.h"

#include <string>

#include "joblib/core/errors.h"
#include "joblib/core/type_name.h"

namespace joblib::internal {

void Nesting::ThrowTooDeep() {
  throw std::runtime_error(
      "Values that travel between processes can be nested in one another by "
      "pointers and containers up to " +
      std::to_string(kMax) + " levels, and this one is deeper.");
}

std::uint32_t OutArchive::NumberOf(std::shared_ptr<const void> pointer,
                                   const std::type_info& type) {
  if (pointer == nullptr) return 0;
  const void* const address = pointer.get();
  const auto next = static_cast<std::uint32_t>(pointers_.size() + 1);
  const auto [found, is_new] = pointers_.try_emplace(
      {address, std::type_index(type)}, Kept{std::move(pointer), next});
  return is_new ? next | kFresh : found->second.number;
}

void InArchive::Keep(std::uint32_t number, std::shared_ptr<void> pointer,
                     const std::type_info& type) {
  pointers_[number & ~kFresh] = {std::move(pointer), &type};
}

std::shared_ptr<void> InArchive::Find(std::uint32_t number,
                                      const std::type_info& type) {
  const auto found = pointers_.find(number);
  if (found == pointers_.end() || *found->second.type != type) {
    throw DecodeError("joblib: no " + TypeName(type) + " with the number " +
                      std::to_string(number) + " came before this pointer.");
  }
  return found->second.pointer;
}

std::uint64_t GetSizeTag(ByteReader& in) {
  // What a size counts is the author's business: bits, at the least.
  constexpr std::size_t kSlack = 512;
  const auto n = in.Get<std::uint64_t>();
  if (n / 8 > in.left() + kSlack) {
    throw DecodeError("joblib: " + std::to_string(n) +
                      " elements are announced, but only " +
                      std::to_string(in.left()) + " bytes are left.");
  }
  return n;
}

}  // namespace joblib::internal
