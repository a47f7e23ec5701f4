// Shared<T>: a value that many tasks use and none copies.
//
//   joblib::Shared<std::map<std::string, Point>> lookup(std::move(map));
//   Parallel()(each(xs, [&](int x) { return delayed(f)(lookup, x); }));
//
// A handle, cheap to copy; the value is const and lives as long as a handle.
// Worker processes get it once each, however many tasks and calls use it, if T
// can travel (shippable.h) and has a default constructor.
//
// Thread-safety: as a const T.
#ifndef JOBLIB_SHARED_H_
#define JOBLIB_SHARED_H_

#include <cstdint>
#include <memory>
#include <typeinfo>
#include <utility>

#include "joblib/core/archive.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/shared_slot.h"
#include "joblib/core/ships.h"

namespace joblib {
namespace internal {

struct SharedBase {
  explicit SharedBase(const std::type_info& type) : type(&type) {}
  SharedSlot slot;
  const std::type_info* const type;
};

}  // namespace internal

template <class T>
class Shared {
 public:
  Shared() = default;  // Empty; only to be assigned to, or read into.
  // Moves the value in.
  explicit Shared(T value) : kept_(std::make_shared<Kept>(std::move(value))) {}
  // The value. Requires that it is not empty.
  const T& operator*() const { return kept_->value; }
  // The same.
  const T* operator->() const { return &kept_->value; }

  void CEREAL_SAVE_FUNCTION_NAME(internal::OutArchive& archive) const {
    internal::ByteWriter& out = archive.out();
    if (kept_ == nullptr) return out.Put(kEmpty);
    const std::shared_ptr<internal::SharedSlot> slot(kept_, &kept_->slot);
    const std::uint64_t number =
        out.sink()->Share(slot, [this](internal::ByteWriter& bytes) {
          internal::OutArchive value(bytes);
          value(kept_->value);
        });
    out.Put(number);
    if (number != 0) return;
    const std::uint32_t here = archive.NumberOf(kept_, typeid(Kept));
    out.Put(here);
    if ((here & internal::kFresh) != 0) archive(kept_->value);
  }
  void CEREAL_LOAD_FUNCTION_NAME(internal::InArchive& archive) {
    internal::ByteReader& in = archive.in();
    const auto number = in.Get<std::uint64_t>();
    if (number == kEmpty) {
      kept_.reset();
    } else if (number != 0) {
      kept_ = FindShared(in, number);
    } else if (const auto here = in.Get<std::uint32_t>();
               (here & internal::kFresh) == 0) {
      kept_ = std::static_pointer_cast<Kept>(archive.Find(here, typeid(Kept)));
    } else {
      auto kept = std::make_shared<Kept>();
      archive(kept->value);
      archive.Keep(here, kept, typeid(Kept));
      kept_ = std::move(kept);
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Kept : internal::SharedBase {
    Kept() : SharedBase(typeid(T)), value() {}
    explicit Kept(T value) : SharedBase(typeid(T)), value(std::move(value)) {}
    T value;
  };

  // The one that this process has got once for all tasks.
  static std::shared_ptr<Kept> FindShared(internal::ByteReader& in,
                                          std::uint64_t number) {
    if (in.shared() == nullptr) {
      throw internal::DecodeError("joblib: there are no shared values here.");
    }
    const std::shared_ptr<const void> found = in.shared()->Find(
        number, [](internal::ByteReader& bytes) -> std::shared_ptr<const void> {
          auto kept = std::make_shared<Kept>();
          internal::InArchive archive(bytes);
          archive(kept->value);
          return std::shared_ptr<const internal::SharedBase>(std::move(kept));
        });
    const auto base = std::static_pointer_cast<internal::SharedBase>(
        std::const_pointer_cast<void>(found));
    if (*base->type != typeid(T)) {
      throw internal::DecodeError("joblib: a shared value of another type.");
    }
    return std::static_pointer_cast<Kept>(base);
  }

  std::shared_ptr<Kept> kept_;
};

}  // namespace joblib

#endif  // JOBLIB_SHARED_H_
