// SharedWords: numbers in memory that several processes of a test map.
// shared_counters.h is what tests use.
#ifndef JOBLIB_TESTS_TESTING_SHARED_WORDS_H_
#define JOBLIB_TESTS_TESTING_SHARED_WORDS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

namespace joblib::testing {

class SharedWords {
 public:
  SharedWords() = default;
  SharedWords(const SharedWords&) = delete;
  virtual ~SharedWords() = default;

  // `n` zeros, in a new file of the tests' temp folder. The file goes with the
  // returned object, but not when that ends in a fork()ed child.
  // Throws std::system_error.
  static std::shared_ptr<SharedWords> Create(int n);
  // Those of another process; mapped once, until this process ends. Throws
  // std::system_error, std::logic_error where there are no other processes.
  static std::shared_ptr<SharedWords> Open(const std::string& path);

  // What Open() wants to be told.
  const std::string& path() const { return path_; }
  // Throws std::out_of_range.
  std::atomic<std::int64_t>& at(int i) const;

 protected:
  std::string path_;
  std::atomic<std::int64_t>* words_ = nullptr;
  int n_ = 0;
};

inline std::atomic<std::int64_t>& SharedWords::at(int i) const {
  if (i < 0 || i >= n_) throw std::out_of_range("no such shared word");
  return words_[i];
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_SHARED_WORDS_H_
