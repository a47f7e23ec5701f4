#include "joblib/parallel/raw_array.h"

#include <new>

#include "native/pages.h"

namespace joblib::internal {
namespace {

// Below this malloc serves better; above, its habit of keeping what was freed
// would make a long list of results exist twice.
constexpr std::size_t kMinPagesBytes = std::size_t{256} << 10;

// Plain new costs less than one that is told an alignment.
bool NeedsAlignedNew(std::size_t alignment) {
  return alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__;
}

}  // namespace

void* AllocateRaw(std::size_t bytes, std::size_t alignment) {
  if (bytes >= kMinPagesBytes) {
    void* const pages = native::AllocatePages(bytes);
    if (pages == nullptr) throw std::bad_alloc();
    return pages;
  }
  return NeedsAlignedNew(alignment)
             ? ::operator new(bytes, std::align_val_t(alignment))
             : ::operator new(bytes);
}

void FreeRaw(void* memory, std::size_t bytes, std::size_t alignment) {
  if (bytes >= kMinPagesBytes) {
    native::FreePages(memory, bytes);
  } else if (NeedsAlignedNew(alignment)) {
    ::operator delete(memory, std::align_val_t(alignment));
  } else {
    ::operator delete(memory);
  }
}

}  // namespace joblib::internal
