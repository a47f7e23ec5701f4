// Values that travel without a serializer: numbers, enumerations, functions,
// pointers to members, objects without any state, and what asks to travel by
// its bytes.
//
// Thread-safety: as ByteWriter. Errors: PicklingError for a function that other
// processes can't find, DecodeError.
#ifndef JOBLIB_CORE_PLAIN_VALUE_H_
#define JOBLIB_CORE_PLAIN_VALUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/code_refs.h"

namespace joblib {

// Whether values of T travel to other processes by their bytes. For a trivially
// copyable type without pointers, at namespace scope:
//
//   template <>
//   inline constexpr bool joblib::ship_by_bytes<Pixel> = true;
//
// A pointer in it arrives as the same number, which means nothing there: C++
// can't see that, so nothing warns. Where it may hold one, write a serialize
// member instead.
template <class T>
inline constexpr bool ship_by_bytes = false;

namespace internal {

template <class T>
inline constexpr bool kFunctionPointer =
    std::is_pointer_v<T>&& std::is_function_v<std::remove_pointer_t<T>>;

// What cereal itself serializes, empty or not.
template <class T>
inline constexpr bool kHasParts = false;
template <class T, std::size_t n>
inline constexpr bool kHasParts<std::array<T, n>> = true;
template <class... T>
inline constexpr bool kHasParts<std::tuple<T...>> = true;

// Another object of the type is as good: there is nothing to send. Captureless
// lambdas, std::negate<int>.
template <class T>
inline constexpr bool kStateless =
    std::is_empty_v<T>&& std::is_default_constructible_v<T> && !kHasParts<T>;

template <class T>
inline constexpr bool kPlain =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_null_pointer_v<T> ||
    kFunctionPointer<T> || std::is_member_pointer_v<T> || kStateless<T> ||
    ship_by_bytes<T>;

// As the ABI has it that all our compilers follow (Itanium C++ ABI, 2.3).
struct MemberFunctionBits {
  const void* function;
  std::ptrdiff_t this_offset;
};
CodeRef MemberFunctionRef(const MemberFunctionBits& bits);

template <class T>
void PutPlain(ByteWriter& out, const T& value) {
  static_assert(kPlain<T>);
  if constexpr (kFunctionPointer<T>) {
    out.Put(value == nullptr
                ? CodeRef{}
                : TheCodeRefs().Of(reinterpret_cast<const void*>(value)));
  } else if constexpr (std::is_member_function_pointer_v<T>) {
    MemberFunctionBits bits;
    static_assert(sizeof bits == sizeof value);
    std::memcpy(&bits, &value, sizeof bits);
    out.Put(MemberFunctionRef(bits));
    out.Put(static_cast<std::int64_t>(bits.this_offset));
  } else if constexpr (!kStateless<T>) {
    static_assert(std::is_trivially_copyable_v<T>,
                  "joblib::ship_by_bytes<T> needs a trivially copyable T");
    out.Put(value);
  }
}

template <class T>
void GetPlain(ByteReader& in, T& value) {
  static_assert(kPlain<T>);
  if constexpr (std::is_same_v<T, bool>) {
    value = in.Get<std::uint8_t>() != 0;  // Any other bits are no bool.
  } else if constexpr (std::is_enum_v<T>) {
    std::underlying_type_t<T> number;
    GetPlain(in, number);
    value = static_cast<T>(number);
  } else if constexpr (kFunctionPointer<T>) {
    const auto ref = in.Get<CodeRef>();
    value =
        ref.module == 0
            ? nullptr
            : reinterpret_cast<T>(const_cast<void*>(TheCodeRefs().Find(ref)));
  } else if constexpr (std::is_member_function_pointer_v<T>) {
    const auto ref = in.Get<CodeRef>();
    MemberFunctionBits bits = {};
    if (ref.module != 0) bits.function = TheCodeRefs().Find(ref);
    bits.this_offset = static_cast<std::ptrdiff_t>(in.Get<std::int64_t>());
    std::memcpy(&value, &bits, sizeof bits);
  } else if constexpr (std::is_scalar_v<T>) {
    value = in.Get<T>();
  } else if constexpr (!kStateless<T>) {
    in.Read(&value, sizeof value);
  }
}

}  // namespace internal
}  // namespace joblib

#endif  // JOBLIB_CORE_PLAIN_VALUE_H_
