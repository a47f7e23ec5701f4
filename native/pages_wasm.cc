#include <cstdlib>

#include "native/pages.h"

namespace joblib::native {

void* AllocatePages(std::size_t bytes) {
  constexpr std::size_t kAlignment = 64;
  if (bytes > static_cast<std::size_t>(-1) - kAlignment) return nullptr;
  return std::aligned_alloc(kAlignment,
                            (bytes + kAlignment - 1) / kAlignment * kAlignment);
}

void FreePages(void* pages, std::size_t /*bytes*/) { std::free(pages); }

}  // namespace joblib::native
