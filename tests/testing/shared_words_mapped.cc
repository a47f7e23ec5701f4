#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "tests/testing/shared_words.h"

namespace joblib::testing {
namespace {

static_assert(std::atomic<std::int64_t>::is_always_lock_free);

[[noreturn]] void Fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string TempFolder() {
  const char* const folder = std::getenv("TEST_TMPDIR");
  return folder != nullptr ? folder
                           : std::filesystem::temp_directory_path().string();
}

class MappedWords final : public SharedWords {
 public:
  // Takes over the descriptor. `owner`: removes the file.
  MappedWords(int fd, std::string path, std::size_t bytes, bool owner)
      : owner_(owner ? getpid() : 0) {
    path_ = std::move(path);
    n_ = static_cast<int>(bytes / sizeof(*words_));
    void* const address =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    const int error = errno;
    close(fd);
    errno = error;
    if (address == MAP_FAILED) Fail("mmap of a test's shared words");
    words_ = static_cast<std::atomic<std::int64_t>*>(address);
  }
  ~MappedWords() override {
    munmap(words_, sizeof(*words_) * n_);
    if (owner_ == getpid()) unlink(path_.c_str());
  }

 private:
  const pid_t owner_;
};

}  // namespace

std::shared_ptr<SharedWords> SharedWords::Create(int n) {
  std::string path = TempFolder() + "/shared_words.XXXXXX";
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) Fail(path.c_str());
  const std::size_t bytes = sizeof(std::atomic<std::int64_t>) * n;
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) Fail(path.c_str());
  return std::make_shared<MappedWords>(fd, path, bytes, /*owner=*/true);
}

std::shared_ptr<SharedWords> SharedWords::Open(const std::string& path) {
  static auto& mutex = *new std::mutex;
  static auto& opened =
      *new std::map<std::string, std::shared_ptr<SharedWords>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::shared_ptr<SharedWords>& words = opened[path];
  if (words == nullptr) {
    const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) Fail(path.c_str());
    const off_t bytes = lseek(fd, 0, SEEK_END);
    words = std::make_shared<MappedWords>(
        fd, path, static_cast<std::size_t>(bytes), /*owner=*/false);
  }
  return words;
}

}  // namespace joblib::testing
