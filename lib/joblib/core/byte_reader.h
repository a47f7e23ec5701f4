// ByteReader: reads values from bytes that another process wrote, and may still
// write.
//
// Each byte is fetched exactly once, into memory of the reader's own, and every
// size is checked against the bytes left before anything is allocated: whatever
// stands there is as good as any other text, never undefined behaviour.
//
// Thread-safety: none. Errors: DecodeError.
#ifndef JOBLIB_CORE_BYTE_READER_H_
#define JOBLIB_CORE_BYTE_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace joblib::internal {

// The bytes are not what the type asks for.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class ByteReader;
struct ArrayMemory;

// Where values are found that travel once to each process (ByteSink::Share).
class SharedValues {
 public:
  virtual ~SharedValues() = default;
  // The value of that number, which `decode` makes at the first question.
  // Throws DecodeError if it is unknown.
  virtual std::shared_ptr<const void> Find(
      std::uint64_t number,
      const std::function<std::shared_ptr<const void>(ByteReader&)>&
          decode) = 0;
  // The memory of that number (ByteSink::ShareArray). Throws DecodeError.
  virtual std::shared_ptr<ArrayMemory> FindArray(std::uint64_t number) = 0;
};

class ByteReader {
 public:
  ByteReader(const void* bytes, std::size_t n, SharedValues* shared = nullptr)
      : at_(static_cast<const std::byte*>(bytes)), left_(n), shared_(shared) {}
  ByteReader(const ByteReader&) = delete;

  void Read(void* into, std::size_t n) {
    if (n > left_) [[unlikely]] {
      ThrowTooShort(n);
    }
    if (n > 0) std::memcpy(into, at_, n);
    // The copy is what is looked at from here on, not the memory behind it.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    at_ += n;
    left_ -= n;
  }
  template <class T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    if (sizeof value > left_) [[unlikely]] {
      ThrowTooShort(sizeof value);
    }
    // Of a size known here: a load, no call of memcpy().
    std::memcpy(&value, at_, sizeof value);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    at_ += sizeof value;
    left_ -= sizeof value;
    return value;
  }
  // The next n bytes, to be fetched by the caller: each once, by a copy.
  const std::byte* Take(std::size_t n) {
    if (n > left_) [[unlikely]] {
      ThrowTooShort(n);
    }
    const std::byte* const taken = at_;
    at_ += n;
    left_ -= n;
    return taken;
  }
  // A number of elements of at least `element_bytes` each.
  std::uint64_t GetCount(std::size_t element_bytes) {
    const auto n = Get<std::uint64_t>();
    if (element_bytes > 0 && n > left_ / element_bytes) {
      ThrowTooShort(n);
    }
    return n;
  }
  std::string GetText() {
    std::string text(GetCount(1), '\0');
    Read(text.data(), text.size());
    return text;
  }

  std::size_t left() const { return left_; }
  SharedValues* shared() const { return shared_; }

 private:
  [[noreturn]] void ThrowTooShort(std::uint64_t n) const {
    throw DecodeError("joblib: " + std::to_string(n) +
                      " more bytes or elements are announced, but only " +
                      std::to_string(left_) + " bytes are left.");
  }

  const std::byte* at_;
  std::size_t left_;
  SharedValues* shared_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BYTE_READER_H_
