// NpyHeader: what stands before the elements in a .npy file.
//
// Source: numpy's format specification, NEP 1 and numpy.lib.format (2.4).
// Thread-safety: values. Errors: std::invalid_argument.
#ifndef JOBLIB_ARRAY_NPY_HEADER_H_
#define JOBLIB_ARRAY_NPY_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "joblib/array/element_type.h"

namespace joblib::internal {

struct NpyHeader {
  ElementType type;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
  std::uint64_t data_offset = 0;  // Of the first element in the file.

  // A file of file_bytes, of which read(offset, into, n) gives n bytes that are
  // there.
  static NpyHeader Read(
      std::uint64_t file_bytes,
      const std::function<void(std::uint64_t, void*, std::size_t)>& read);
  // The file's begin, byte by byte as numpy writes it.
  static std::string Write(const std::string& descr, bool fortran_order,
                           const std::vector<std::int64_t>& shape);
};

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_NPY_HEADER_H_
