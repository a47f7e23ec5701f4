// Memory straight from the system, and straight back to it: for large blocks
// that live shortly, which malloc might keep for itself after free().
//
//   void* block = AllocatePages(kBytes);
//   if (block == nullptr) throw std::bad_alloc();
//   ...
//   FreePages(block, kBytes);
//
// Thread-safety: all functions. Linux: mmap(2), costs about 1 us and a page
// fault for each page used. wasm: the heap, which never shrinks.
#ifndef JOBLIB_NATIVE_PAGES_H_
#define JOBLIB_NATIVE_PAGES_H_

#include <cstddef>

namespace joblib::native {

// `bytes` > 0 of memory of unspecified content, aligned to 64 bytes at least;
// nullptr if there is none.
void* AllocatePages(std::size_t bytes);

// `pages` from AllocatePages(bytes), with the same `bytes`; or nullptr.
void FreePages(void* pages, std::size_t bytes);

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_PAGES_H_
