// ArrayElement: the types that an Array can hold, and what numpy calls them.
//
// bool, integers of 8 to 64 bits, float, double, std::complex of these two, and
// trivially copyable structs that name their numpy description:
//
//   struct Pixel { std::uint8_t r, g, b, a; };
//   template <>
//   inline constexpr const char* joblib::npy_descr<Pixel> =
//       "[('r', '|u1'), ('g', '|u1'), ('b', '|u1'), ('a', '|u1')]";
//
// Its items must add up to sizeof(Pixel); padding is written as numpy writes
// it: ('', '|V3'). No pointers: they mean nothing in a file or elsewhere.
//
// Thread-safety: all functions.
#ifndef JOBLIB_ARRAY_ELEMENT_TYPE_H_
#define JOBLIB_ARRAY_ELEMENT_TYPE_H_

#include <bit>
#include <complex>
#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

#include "joblib/array/python_literal.h"

namespace joblib {

// What numpy calls a struct of yours, to be specialized; null: not described.
template <class T>
inline constexpr const char* npy_descr = nullptr;

namespace internal {

static_assert(std::endian::native == std::endian::little,
              "joblib::Array writes little-endian files");

template <class T>
inline constexpr bool kCharacter =
    std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;

template <class T>
constexpr const char* Descr() {
  if constexpr (npy_descr<T> != nullptr) {
    return npy_descr<T>;
  } else if constexpr (std::is_same_v<T, bool>) {
    return "'|b1'";
  } else if constexpr (std::is_same_v<T, float>) {
    return "'<f4'";
  } else if constexpr (std::is_same_v<T, double>) {
    return "'<f8'";
  } else if constexpr (std::is_same_v<T, std::complex<float>>) {
    return "'<c8'";
  } else if constexpr (std::is_same_v<T, std::complex<double>>) {
    return "'<c16'";
  } else if constexpr (std::is_integral_v<T> && !kCharacter<T>) {
    constexpr bool kSigned = std::is_signed_v<T>;
    if constexpr (sizeof(T) == 1) return kSigned ? "'|i1'" : "'|u1'";
    if constexpr (sizeof(T) == 2) return kSigned ? "'<i2'" : "'<u2'";
    if constexpr (sizeof(T) == 4) return kSigned ? "'<i4'" : "'<u4'";
    if constexpr (sizeof(T) == 8) return kSigned ? "'<i8'" : "'<u8'";
  }
  return nullptr;
}

// A number within an element: what has a byte order.
struct Scalar {
  std::size_t offset = 0, bytes = 0;  // From the element's begin.
  char kind = 'V';                    // numpy's: b i u f c V ...
  std::string name;                   // "position.x": of its field.
};

// How elements look in a file or in memory.
struct ElementType {
  std::size_t bytes = 0;
  bool swapped = false;  // The other byte order, all of it.
  std::vector<Scalar> scalars;
  std::string text;  // As numpy writes it.

  // Throws std::invalid_argument: no description, object types, mixed orders.
  static ElementType Of(const PythonLiteral& descr);
  // That of a C++ type. Throws as Of, and if it has another size.
  static ElementType OfType(const char* descr, std::size_t bytes);
  // The same but for the byte order.
  bool Holds(const ElementType& other) const;
  // Reverses the bytes of the numbers in `n` elements.
  void Swap(std::byte* elements, std::size_t n) const;
  // Bytes that stand for bools and are neither 0 nor 1 become 1.
  void FixBools(std::byte* elements, std::size_t n) const;
};

}  // namespace internal

template <class T>
concept ArrayElement =
    std::is_trivially_copyable_v<T> && !std::is_const_v<T> &&
    alignof(T) <= alignof(std::max_align_t) && internal::Descr<T>() != nullptr;

}  // namespace joblib

#endif  // JOBLIB_ARRAY_ELEMENT_TYPE_H_
