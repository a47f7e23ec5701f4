// Eigen matrices and joblib::Array in each other's place, without a copy, and
// matrices as arguments and results of tasks in worker processes.
//
//   #include "joblib/eigen.h"  // Not in joblib.h: it needs Eigen 3.3 or newer.
//
//   Eigen::MatrixXd m = Eigen::MatrixXd::Random(1000, 1000);
//   joblib::Array<double> table = joblib::from_eigen(std::move(m));
//   double trace = joblib::eigen_map<Eigen::MatrixXd>(table).trace();
//   joblib::mutable_eigen_view(table).row(0).setZero();
//
// A map or view refers to the array's memory and does not keep it alive: some
// handle of the array has to outlive it. Matrix types: Eigen::Matrix and
// Eigen::Array, of fixed or dynamic sizes, either storage order.
//
// An Eigen matrix itself travels by its elements, to each task anew: what is
// large and goes to many tasks is better an Array, which workers map once. An
// expression (a * b, a.row(0)) refers to its matrices: give tasks its .eval().
//
// Thread-safety: as Eigen's. Errors: std::invalid_argument for an array whose
// shape or order is not the matrix type's, and (mutable_...) for a read-only
// one, as Array::mutable_view().
#ifndef JOBLIB_EIGEN_H_
#define JOBLIB_EIGEN_H_

#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "Eigen/Core"
#include "joblib/array.h"
#include "joblib/array/array_parts.h"
#include "joblib/array/element_type.h"
#include "joblib/array/layout.h"
#include "joblib/core/archive.h"
#include "joblib/core/array_memory.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"

namespace joblib {
namespace internal {

// Whether a matrix type can have that many rows or columns.
constexpr bool EigenFits(std::int64_t n, int fixed, int most) {
  return n >= 0 && (fixed == Eigen::Dynamic || n == fixed) &&
         (most == Eigen::Dynamic || n <= most);
}

template <class M>
constexpr bool EigenHolds(std::int64_t rows, std::int64_t columns) {
  return EigenFits(rows, M::RowsAtCompileTime, M::MaxRowsAtCompileTime) &&
         EigenFits(columns, M::ColsAtCompileTime, M::MaxColsAtCompileTime);
}

struct EigenShape {
  Eigen::Index rows, columns;
};

// An array of one axis is a column, but where the type M is a row.
template <class M, class T>
EigenShape EigenShapeOf(const Array<T>& array) {
  static_assert(std::is_same_v<typename M::Scalar, T>,
                "the matrix has another scalar type than the array");
  const std::vector<std::int64_t>& shape = array.shape();
  std::int64_t rows = shape.empty() ? 1 : shape[0];
  std::int64_t columns = shape.size() < 2 ? 1 : shape[1];
  if (shape.size() < 2 && M::RowsAtCompileTime == 1) std::swap(rows, columns);
  if (shape.size() > 2 || !EigenHolds<M>(rows, columns)) {
    throw std::invalid_argument("An array of shape " + ShapeText(shape) +
                                " is no matrix of that Eigen type.");
  }
  return {static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns)};
}

// As EigenShapeOf, of an array whose elements lie as those of an M do.
template <class M, class T>
EigenShape EigenContiguousShapeOf(const Array<T>& array) {
  const EigenShape shape = EigenShapeOf<M>(array);
  if (!(M::IsRowMajor ? array.is_c_contiguous() : array.is_f_contiguous())) {
    throw std::invalid_argument(
        "The elements of this array of shape " + ShapeText(array.shape()) +
        " do not lie in a row in " + (M::IsRowMajor ? "C" : "Fortran") +
        " order, as that Eigen type's: use eigen_view(), or a matrix type of "
        "the other storage order.");
  }
  return shape;
}

using EigenStride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
// For column-major ones: from column to column, from row to row.
template <class T>
EigenStride EigenStrideOf(const Array<T>& array) {
  const std::vector<std::int64_t>& strides = array.strides();
  const auto along = [&](std::size_t axis) {
    return axis < strides.size() ? static_cast<Eigen::Index>(strides[axis]) : 1;
  };
  return EigenStride(along(1), along(0));
}

template <class T>
using EigenMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;

// Memory that a matrix keeps.
template <class M>
struct EigenMemory final : ArrayMemory {
  explicit EigenMemory(M&& taken) : matrix(std::move(taken)) {
    data = reinterpret_cast<std::byte*>(matrix.data());
    bytes = static_cast<std::size_t>(matrix.size()) * sizeof(*matrix.data());
  }
  M matrix;
};

}  // namespace internal

// What eigen_view() gives.
template <class T>
using EigenView = Eigen::Map<const internal::EigenMatrix<T>, Eigen::Unaligned,
                             internal::EigenStride>;
// The same, to write through.
template <class T>
using MutableEigenView = Eigen::Map<internal::EigenMatrix<T>, Eigen::Unaligned,
                                    internal::EigenStride>;

// The array as an M, whose elements have to lie as an M's do: column-major ones
// (Eigen's default) in Fortran order, row-major ones in C order; with one axis
// both. As fast as an M. An array of one axis is a column, or a row if M is
// one.
template <class M, class T>
Eigen::Map<const M> eigen_map(const Array<T>& array) {
  const auto shape = internal::EigenContiguousShapeOf<M>(array);
  return Eigen::Map<const M>(array.span().data(), shape.rows, shape.columns);
}
// The same to write. Counts as a change of the array, as mutable_view() does.
template <class M, class T>
Eigen::Map<M> mutable_eigen_map(Array<T>& array) {
  const auto shape = internal::EigenContiguousShapeOf<M>(array);
  return Eigen::Map<M>(array.mutable_span().data(), shape.rows, shape.columns);
}

// The array, of up to two axes, as a matrix with strides: of any order, slices
// and transposes, too.
template <class T>
EigenView<T> eigen_view(const Array<T>& array) {
  const auto shape = internal::EigenShapeOf<internal::EigenMatrix<T>>(array);
  const T* const first = array.size() == 0 ? nullptr : &*array.begin();
  return EigenView<T>(first, shape.rows, shape.columns,
                      internal::EigenStrideOf(array));
}
// The same to write. Counts as a change of the array, as mutable_view() does.
template <class T>
MutableEigenView<T> mutable_eigen_view(Array<T>& array) {
  const auto shape = internal::EigenShapeOf<internal::EigenMatrix<T>>(array);
  const auto view = array.mutable_view();
  T* const first = array.size() == 0 ? nullptr : &*view.begin();
  return MutableEigenView<T>(first, shape.rows, shape.columns,
                             internal::EigenStrideOf(array));
}

// An array of the matrix's elements, in its order: two axes, one for a type
// that is a row or a column. A matrix that is moved here is taken over without
// a copy, unless its size is fixed; any other, and an expression, is copied.
template <class M>
auto from_eigen(M&& matrix) {
  using Plain = typename std::decay_t<M>::PlainObject;
  using T = typename Plain::Scalar;
  static_assert(ArrayElement<T>);
  auto memory = std::make_shared<internal::EigenMemory<Plain>>(
      Plain(std::forward<M>(matrix)));
  std::vector<std::int64_t> shape = {memory->matrix.rows(),
                                     memory->matrix.cols()};
  if constexpr (Plain::IsVectorAtCompileTime) shape = {memory->matrix.size()};
  internal::ArrayParts parts;
  parts.layout = std::make_shared<const internal::ArrayLayout>(
      internal::ArrayLayout::Contiguous(
          std::move(shape), Plain::IsRowMajor ? 'C' : 'F', sizeof(T)));
  parts.data = memory->data;
  parts.memory = std::move(memory);
  return internal::ArrayAccess::Make<Array<T>>(std::move(parts));
}

// ---------------------------------------------- matrices on their way to tasks

namespace internal {

template <class T>
inline constexpr bool kEigenInBlock = kInBlock<T>;
template <class T>
inline constexpr bool kEigenInBlock<std::complex<T>> = kInBlock<T>;

template <class M>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const Eigen::PlainObjectBase<M>& matrix) {
  using T = typename M::Scalar;
  ByteWriter& out = archive.out();
  out.Put(static_cast<std::int64_t>(matrix.rows()));
  out.Put(static_cast<std::int64_t>(matrix.cols()));
  const auto n = static_cast<std::size_t>(matrix.size());
  if constexpr (kEigenInBlock<T>) {
    out.WriteValue(matrix.data(), n * sizeof(T));
  } else {
    for (std::size_t i = 0; i < n; ++i) archive(matrix.data()[i]);
  }
}

template <class M>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               Eigen::PlainObjectBase<M>& matrix) {
  using T = typename M::Scalar;
  ByteReader& in = archive.in();
  const auto rows = in.Get<std::int64_t>();
  const auto columns = in.Get<std::int64_t>();
  // At a byte each at least: what is announced is refused where it can't be
  // there, before there is room made for it.
  constexpr std::size_t kLeast = kEigenInBlock<T> ? sizeof(T) : 1;
  const auto most = static_cast<std::int64_t>(in.left() / kLeast);
  if (!EigenHolds<M>(rows, columns) ||
      rows > std::numeric_limits<Eigen::Index>::max() ||
      columns > std::numeric_limits<Eigen::Index>::max() ||
      (rows != 0 && columns > most / rows)) {
    throw DecodeError("joblib: a matrix of " + std::to_string(rows) + " x " +
                      std::to_string(columns) +
                      " elements is announced, which is not there.");
  }
  matrix.resize(static_cast<Eigen::Index>(rows),
                static_cast<Eigen::Index>(columns));
  const auto n = static_cast<std::size_t>(matrix.size());
  if constexpr (kEigenInBlock<T>) {
    in.Read(matrix.data(), n * sizeof(T));
  } else {
    for (std::size_t i = 0; i < n; ++i) archive(matrix.data()[i]);
  }
}

}  // namespace internal
}  // namespace joblib

#endif  // JOBLIB_EIGEN_H_
