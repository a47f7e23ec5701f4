// OutArchive, InArchive: cereal's archives over ByteWriter and ByteReader.
//
//   OutArchive archive(writer);
//   archive(name, points);        // Whatever cereal can serialize.
//
// Beyond what cereal brings: functions as CodeRefs, objects without a state as
// nothing, types that ask for it by their bytes (plain_value.h); and the
// standard containers anew (archive_containers.h), as cereal's own functions
// believe every size they read.
//
// Thread-safety: none. Errors: as ByteWriter and ByteReader; what a user's
// serialize function throws; cereal::Exception.
#ifndef JOBLIB_CORE_ARCHIVE_H_
#define JOBLIB_CORE_ARCHIVE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <typeindex>
#include <typeinfo>
#include <utility>

#include "cereal/cereal.hpp"
#include "cereal/types/array.hpp"
#include "cereal/types/atomic.hpp"
#include "cereal/types/base_class.hpp"
#include "cereal/types/bitset.hpp"
#include "cereal/types/chrono.hpp"
#include "cereal/types/complex.hpp"
#include "cereal/types/deque.hpp"
#include "cereal/types/forward_list.hpp"
#include "cereal/types/list.hpp"
#include "cereal/types/map.hpp"
#include "cereal/types/memory.hpp"
#include "cereal/types/optional.hpp"
#include "cereal/types/polymorphic.hpp"
#include "cereal/types/queue.hpp"
#include "cereal/types/set.hpp"
#include "cereal/types/stack.hpp"
#include "cereal/types/string.hpp"
#include "cereal/types/tuple.hpp"
#include "cereal/types/unordered_map.hpp"
#include "cereal/types/unordered_set.hpp"
#include "cereal/types/utility.hpp"
#include "cereal/types/valarray.hpp"
#include "cereal/types/variant.hpp"
#include "cereal/types/vector.hpp"
#include "cereal/version.hpp"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/plain_value.h"

// The layout of its archives is part of the library's own.
static_assert(CEREAL_VERSION >= 10302, "joblib needs cereal 1.3.2 or newer");

namespace joblib::internal {

// Of containers and pointers within one another: each takes some stack.
class Nesting {
 public:
  void Enter() {
    if (++depth_ > kMax) ThrowTooDeep();
  }
  void Leave() { --depth_; }

 private:
  static constexpr int kMax = 1000;  // As Python's pickle.
  [[noreturn]] static void ThrowTooDeep();
  int depth_ = 0;
};

class OutArchive : public cereal::OutputArchive<OutArchive> {
 public:
  explicit OutArchive(ByteWriter& out)
      : cereal::OutputArchive<OutArchive>(this), out_(out) {}

  ByteWriter& out() { return out_; }
  Nesting& nesting() { return nesting_; }
  // 0: null. With the highest bit: it was not written yet.
  std::uint32_t NumberOf(std::shared_ptr<const void> pointer,
                         const std::type_info& type);

 private:
  struct Kept {
    std::shared_ptr<const void> pointer;  // No other object gets its address.
    std::uint32_t number;
  };
  ByteWriter& out_;
  Nesting nesting_;
  std::map<std::pair<const void*, std::type_index>, Kept> pointers_;
};

class InArchive : public cereal::InputArchive<InArchive> {
 public:
  explicit InArchive(ByteReader& in)
      : cereal::InputArchive<InArchive>(this), in_(in) {}

  ByteReader& in() { return in_; }
  Nesting& nesting() { return nesting_; }
  void Keep(std::uint32_t number, std::shared_ptr<void> pointer,
            const std::type_info& type);
  // Throws DecodeError if there is no such one.
  std::shared_ptr<void> Find(std::uint32_t number, const std::type_info& type);

 private:
  struct Kept {
    std::shared_ptr<void> pointer;
    const std::type_info* type;
  };
  ByteReader& in_;
  Nesting nesting_;
  std::map<std::uint32_t, Kept> pointers_;
};

template <class T>
requires kPlain<T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive, const T& value) {
  PutPlain(archive.out(), value);
}
template <class T>
requires kPlain<T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, T& value) {
  GetPlain(archive.in(), value);
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(OutArchive& archive,
                                    cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(InArchive& archive,
                                    cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const cereal::BinaryData<T>& data) {
  archive.out().WriteValue(data.data, static_cast<std::size_t>(data.size));
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               cereal::BinaryData<T>& data) {
  archive.in().Read(data.data, static_cast<std::size_t>(data.size));
}

template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(OutArchive& archive,
                                    cereal::SizeTag<T>& tag) {
  archive.out().Put(static_cast<std::uint64_t>(tag.size));
}
// For the load functions of others, which may allocate that much at once.
std::uint64_t GetSizeTag(ByteReader& in);
template <class T>
void CEREAL_SERIALIZE_FUNCTION_NAME(InArchive& archive,
                                    cereal::SizeTag<T>& tag) {
  tag.size = static_cast<std::decay_t<T>>(GetSizeTag(archive.in()));
}

template <class T>
using PointerTo = cereal::memory_detail::PtrWrapper<T>;

// cereal's prologue and epilogue go around each value.
template <class T>
void prologue(OutArchive& archive, const PointerTo<T>&) {
  archive.nesting().Enter();
}
template <class T>
void epilogue(OutArchive& archive, const PointerTo<T>&) {
  archive.nesting().Leave();
}
template <class T>
void prologue(InArchive& archive, const PointerTo<T>&) {
  archive.nesting().Enter();
}
template <class T>
void epilogue(InArchive& archive, const PointerTo<T>&) {
  archive.nesting().Leave();
}

// As cereal's, but that a number in the bytes can't make an object of one type
// pass for another, nor for finished before it is.
inline constexpr std::uint32_t kFresh = cereal::detail::msb_32bit;
template <class T>
void CEREAL_SAVE_FUNCTION_NAME(
    OutArchive& archive, const PointerTo<const std::shared_ptr<T>&>& wrapper) {
  const std::uint32_t number = archive.NumberOf(wrapper.ptr, typeid(T));
  archive.out().Put(number);
  if ((number & kFresh) != 0) archive(*wrapper.ptr);
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               PointerTo<std::shared_ptr<T>&>& wrapper) {
  using Object = std::remove_const_t<T>;
  const auto number = archive.in().Get<std::uint32_t>();
  if (number == 0) {
    wrapper.ptr.reset();
  } else if ((number & kFresh) == 0) {
    wrapper.ptr =
        std::static_pointer_cast<T>(archive.Find(number, typeid(Object)));
  } else if constexpr (cereal::traits::has_load_and_construct<
                           Object, InArchive>::value) {
    struct Storage {
      alignas(Object) std::byte bytes[sizeof(Object)];
    };
    auto storage = std::make_unique<Storage>();
    cereal::memory_detail::LoadAndConstructLoadWrapper<InArchive, Object>
        loaded(reinterpret_cast<Object*>(storage.get()));
    archive(loaded);
    std::shared_ptr<Object> pointer(
        reinterpret_cast<Object*>(storage.release()), [](Object* object) {
          object->~Object();
          delete reinterpret_cast<Storage*>(object);
        });
    archive.Keep(number, pointer, typeid(Object));
    wrapper.ptr = std::move(pointer);
  } else {
    std::shared_ptr<Object> pointer(
        cereal::detail::Construct<Object, InArchive>::load_andor_construct());
    archive.Keep(number, pointer, typeid(Object));
    archive(*pointer);
    wrapper.ptr = std::move(pointer);
  }
}

}  // namespace joblib::internal

namespace cereal {
// Where cereal has functions of its own for such a type, ours go first.
template <class T>
requires joblib::internal::kPlain<T>
struct specialize<joblib::internal::OutArchive, T,
                  specialization::non_member_load_save> : std::true_type {
};
template <class T>
requires joblib::internal::kPlain<T>
struct specialize<joblib::internal::InArchive, T,
                  specialization::non_member_load_save> : std::true_type {
};
}  // namespace cereal

CEREAL_SETUP_ARCHIVE_TRAITS(joblib::internal::InArchive,
                            joblib::internal::OutArchive)
// For pointers to polymorphic types (CEREAL_REGISTER_TYPE).
CEREAL_REGISTER_ARCHIVE(joblib::internal::OutArchive)
CEREAL_REGISTER_ARCHIVE(joblib::internal::InArchive)

#include "joblib/core/archive_containers.h"  // IWYU pragma: export

#endif  // JOBLIB_CORE_ARCHIVE_H_
