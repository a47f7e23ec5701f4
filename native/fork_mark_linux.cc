#include <sys/mman.h>
#include <unistd.h>

#include <new>

#include "native/fork_mark.h"

namespace joblib::native {
namespace {

constexpr std::size_t kPage = 4096;

std::atomic<std::uint32_t>* MakeWord() {
  void* const page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  if (madvise(page, kPage, MADV_WIPEONFORK) == 0) {
    return ::new (page) std::atomic<std::uint32_t>(1);
  }
  munmap(page, kPage);
  return nullptr;
}

}  // namespace

ForkMark::ForkMark() : word_(MakeWord()), process_(getpid()) {}

ForkMark::~ForkMark() {
  if (word_ != nullptr) munmap(word_, kPage);
}

bool ForkMark::IsSameNumber() const { return process_ == getpid(); }

void ForkMark::End() { _exit(0); }

}  // namespace joblib::native
