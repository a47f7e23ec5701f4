// Where there is one process only: memory of its own.
#include <stdexcept>
#include <vector>

#include "tests/testing/shared_words.h"

namespace joblib::testing {
namespace {

class PlainWords final : public SharedWords {
 public:
  explicit PlainWords(int n) : memory_(n) {
    words_ = memory_.data();
    n_ = n;
  }

 private:
  std::vector<std::atomic<std::int64_t>> memory_;
};

}  // namespace

std::shared_ptr<SharedWords> SharedWords::Create(int n) {
  return std::make_shared<PlainWords>(n);
}

std::shared_ptr<SharedWords> SharedWords::Open(const std::string&) {
  throw std::logic_error("there are no other processes");
}

}  // namespace joblib::testing
