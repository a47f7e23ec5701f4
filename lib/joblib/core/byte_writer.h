// ByteWriter: where encoded values go, in a row.
//
// Writes into memory it was given and asks its sink for more when that is full:
// a ring that another process reads, or a growing block (HeapBytes).
//
// Thread-safety: none. Errors: what the sink throws where there is no more.
#ifndef JOBLIB_CORE_BYTE_WRITER_H_
#define JOBLIB_CORE_BYTE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

namespace joblib::internal {

class ByteWriter;
struct ArrayMemory;
struct ArrayPiece;
struct ArrayRef;
struct SharedSlot;

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // Memory for at least `needed` bytes, whose first `used` are those at
  // `begin`, moved there if it is elsewhere. *end: where it ends.
  virtual std::byte* Grow(std::byte* begin, std::size_t used,
                          std::size_t needed, std::byte** end) = 0;
  // For values that travel once to each process, whatever the number of tasks
  // that use them: the number by which the other side finds the one in `slot`,
  // which `encode` writes at the first use. 0: written in place each time.
  virtual std::uint64_t Share(const std::shared_ptr<SharedSlot>& slot,
                              const std::function<void(ByteWriter&)>& encode) {
    (void)slot;
    (void)encode;
    return 0;
  }
  // A task's function has returned: its result is about to be written.
  virtual void BeforeResult() {}
  // A plain value of many bytes is about to be written.
  virtual void NoteLarge(const void* bytes, std::size_t n) {
    (void)bytes;
    (void)n;
  }
  // As Share for the elements of an array. False: they are written in place.
  virtual bool ShareArray(const std::shared_ptr<ArrayMemory>& memory,
                          const ArrayPiece& piece, ArrayRef* ref) {
    (void)memory;
    (void)piece;
    (void)ref;
    return false;
  }
};

class ByteWriter {
 public:
  static constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

  ByteWriter(ByteSink* sink, std::byte* begin, std::byte* end)
      : sink_(sink), begin_(begin), at_(begin), end_(end) {}
  ByteWriter(const ByteWriter&) = delete;

  void Write(const void* bytes, std::size_t n) {
    if (n > static_cast<std::size_t>(end_ - at_)) [[unlikely]] {
      Grow(n);
    }
    if (n > 0) std::memcpy(at_, bytes, n);
    at_ += n;
  }
  template <class T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    // Of a size known here: a store, no call of memcpy().
    if (sizeof value > static_cast<std::size_t>(end_ - at_)) [[unlikely]] {
      Grow(sizeof value);
    }
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
  }
  void PutText(const std::string& text) {
    Put(static_cast<std::uint64_t>(text.size()));
    WriteValue(text.data(), text.size());
  }

  std::byte* begin() const { return begin_; }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  // Forgets what was written from `size` on.
  void Truncate(std::size_t size) { at_ = begin_ + size; }
  ByteSink* sink() const { return sink_; }
  // As Write, of a whole value.
  void WriteValue(const void* bytes, std::size_t n) {
    if (n >= kLargeBytes) [[unlikely]]
      sink_->NoteLarge(bytes, n);
    Write(bytes, n);
  }

 private:
  void Grow(std::size_t n) {
    const std::size_t used = size();
    begin_ = sink_->Grow(begin_, used, used + n, &end_);
    at_ = begin_ + used;
  }

  ByteSink* sink_;
  std::byte *begin_, *at_, *end_;
};

// A growing block of memory.
class HeapBytes final : public ByteSink {
 public:
  HeapBytes() : writer_(this, nullptr, nullptr) {}
  HeapBytes(const HeapBytes&) = delete;

  ByteWriter& writer() { return writer_; }
  const std::byte* data() const { return writer_.begin(); }
  std::size_t size() const { return writer_.size(); }
  std::string Text() const {
    return std::string(reinterpret_cast<const char*>(data()), size());
  }
  std::byte* Grow(std::byte* begin, std::size_t used, std::size_t needed,
                  std::byte** end) override {
    const std::size_t capacity = needed < 256 ? 256 : needed + needed / 2;
    std::unique_ptr<std::byte[]> fresh(new std::byte[capacity]);
    if (used > 0) std::memcpy(fresh.get(), begin, used);
    block_ = std::move(fresh);
    *end = block_.get() + capacity;
    return block_.get();
  }

 private:
  std::unique_ptr<std::byte[]> block_;
  ByteWriter writer_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_BYTE_WRITER_H_
