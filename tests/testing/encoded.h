// Encoded(value), Decoded<T>(bytes): through the archive and back.
#ifndef JOBLIB_TESTS_TESTING_ENCODED_H_
#define JOBLIB_TESTS_TESTING_ENCODED_H_

#include <string>
#include <string_view>

#include "joblib/core/archive.h"

namespace joblib::testing {

template <class T>
std::string Encoded(const T& value) {
  internal::HeapBytes bytes;
  internal::OutArchive archive(bytes.writer());
  archive(value);
  return bytes.Text();
}

// Throws if anything is left over.
template <class T>
T Decoded(std::string_view bytes) {
  internal::ByteReader in(bytes.data(), bytes.size());
  internal::InArchive archive(in);
  T value = T();
  archive(value);
  if (in.left() > 0) throw internal::DecodeError("bytes are left over");
  return value;
}

template <class T>
T ThereAndBack(const T& value) {
  return Decoded<T>(Encoded(value));
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_ENCODED_H_
