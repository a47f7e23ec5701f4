// Eigen matrices and joblib::Array.
#include "joblib/eigen.h"

#include <complex>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "Eigen/Core"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/encoded.h"

namespace {

using ::joblib::Array;
using ::joblib::eigen_map;
using ::joblib::eigen_view;
using ::joblib::from_eigen;
using ::joblib::mutable_eigen_map;
using ::joblib::mutable_eigen_view;
using ::joblib::testing::Decoded;
using ::joblib::testing::Encoded;
using ::joblib::testing::ThereAndBack;
using RowMajor =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// 0, 1, 2 ... in C order, whatever order it is stored in.
Array<double> Counted(std::int64_t rows, std::int64_t columns, char order) {
  auto array =
      Array<double>::zeros({rows, columns}, joblib::Memory::kPrivate, order);
  double next = 0;
  for (double& x : array.mutable_view()) x = next++;
  return array;
}

template <class M>
void ExpectSame(const M& matrix, const Array<double>& array) {
  ASSERT_EQ(matrix.rows(), array.shape()[0]);
  ASSERT_EQ(matrix.cols(), array.shape()[1]);
  for (Eigen::Index i = 0; i < matrix.rows(); ++i) {
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
      EXPECT_EQ(matrix(i, j), array(i, j)) << i << ", " << j;
    }
  }
}

TEST(EigenTest, AMapIsTheArray) {
  const auto c = Counted(3, 4, 'C'), f = Counted(3, 4, 'F');
  ExpectSame(eigen_map<RowMajor>(c), c);
  ExpectSame(eigen_map<Eigen::MatrixXd>(f), f);
  ExpectSame(eigen_map<Eigen::ArrayXXd>(f), f);
  using Fixed = Eigen::Matrix<double, 3, 4, Eigen::RowMajor>;
  ExpectSame(eigen_map<Fixed>(c), c);
  EXPECT_EQ(eigen_map<RowMajor>(c).data(), c.span().data());
}

TEST(EigenTest, AMapIsOfItsTypesOrderAndShape) {
  const auto c = Counted(3, 4, 'C'), f = Counted(3, 4, 'F');
  EXPECT_THROW(eigen_map<Eigen::MatrixXd>(c), std::invalid_argument);
  EXPECT_THROW(eigen_map<RowMajor>(f), std::invalid_argument);
  EXPECT_THROW(eigen_map<RowMajor>(c.slice(0, 3, 2)), std::invalid_argument);
  EXPECT_THROW(eigen_map<Eigen::Matrix4d>(f), std::invalid_argument);
  EXPECT_THROW(eigen_map<Eigen::VectorXd>(f), std::invalid_argument);
  const auto cube = Array<double>::zeros({2, 2, 2});
  EXPECT_THROW(eigen_map<RowMajor>(cube), std::invalid_argument);
  EXPECT_THROW(eigen_view(cube), std::invalid_argument);
  try {
    eigen_map<Eigen::MatrixXd>(c);
  } catch (const std::invalid_argument& e) {
    EXPECT_NE(std::strstr(e.what(), "(3, 4)"), nullptr) << e.what();
    EXPECT_NE(std::strstr(e.what(), "eigen_view()"), nullptr) << e.what();
  }
}

TEST(EigenTest, OneAxisIsAColumnOrARow) {
  auto line = Array<double>::from({1, 2, 3}, {3});
  EXPECT_EQ(eigen_map<Eigen::VectorXd>(line), Eigen::Vector3d(1, 2, 3));
  EXPECT_EQ(eigen_map<Eigen::RowVectorXd>(line).cols(), 3);
  EXPECT_EQ(eigen_map<Eigen::MatrixXd>(line).rows(), 3);
  EXPECT_EQ(eigen_map<RowMajor>(line).rows(), 3);
  EXPECT_EQ(eigen_view(line.slice(0, 3, 2)), Eigen::Vector2d(1, 3));
  const auto point = Array<double>::from({5}, std::vector<std::int64_t>());
  EXPECT_EQ(eigen_view(point)(0, 0), 5);
  EXPECT_EQ(eigen_view(Array<double>()).size(), 0);
  EXPECT_EQ(eigen_map<Eigen::MatrixXd>(Counted(0, 4, 'F')).cols(), 4);
}

TEST(EigenTest, AViewIsOfAnyOrderAndStrides) {
  for (const char order : {'C', 'F'}) {
    const auto array = Counted(6, 5, order);
    ExpectSame(eigen_view(array), array);
    ExpectSame(eigen_view(array.transpose()), array.transpose());
    const auto odd = array.slice(1, 6, 2);
    ExpectSame(eigen_view(odd), odd);
    ExpectSame(eigen_view(odd.transpose()), odd.transpose());
    EXPECT_EQ(eigen_view(odd).sum(), 15 * 17);
  }
}

TEST(EigenTest, WhatIsWrittenIsInTheArray) {
  for (const char order : {'C', 'F'}) {
    auto array = Counted(3, 4, order);
    mutable_eigen_view(array).row(1).setConstant(-1);
    if (order == 'C') {
      mutable_eigen_map<RowMajor>(array)(2, 3) = 7;
    } else {
      mutable_eigen_map<Eigen::MatrixXd>(array)(2, 3) = 7;
    }
    EXPECT_EQ(array(0, 3), 3);
    EXPECT_EQ(array(1, 0), -1);
    EXPECT_EQ(array(1, 3), -1);
    EXPECT_EQ(array(2, 3), 7);
  }
}

TEST(EigenTest, ReadOnlyArraysStaySo) {
  const std::string path = ::testing::TempDir() + "/eigen.npy";
  joblib::dump(Counted(3, 4, 'F'), path);
  auto mapped = joblib::load<double>(path, "r");
  EXPECT_EQ(eigen_map<Eigen::MatrixXd>(mapped)(2, 3), 11);
  EXPECT_THROW(mutable_eigen_map<Eigen::MatrixXd>(mapped),
               std::invalid_argument);
  EXPECT_THROW(mutable_eigen_view(mapped), std::invalid_argument);
}

TEST(EigenTest, AMovedMatrixIsTakenOver) {
  Eigen::MatrixXd matrix(2, 3);
  matrix << 1, 2, 3, 4, 5, 6;
  const Eigen::MatrixXd same = matrix;
  const double* const data = matrix.data();
  const auto array = from_eigen(std::move(matrix));
  EXPECT_EQ(array.span().data(), data);
  EXPECT_TRUE(array.is_f_contiguous());
  ExpectSame(same, array);

  RowMajor rows = same;
  const double* const rows_data = rows.data();
  const auto by_rows = from_eigen(std::move(rows));
  EXPECT_EQ(by_rows.span().data(), rows_data);
  EXPECT_TRUE(by_rows.is_c_contiguous());
  ExpectSame(same, by_rows);
}

TEST(EigenTest, AllElseIsCopied) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Constant(2, 3, 4);
  auto array = from_eigen(matrix);
  mutable_eigen_view(array).setZero();
  EXPECT_EQ(matrix.sum(), 24);
  ExpectSame(matrix * 2, from_eigen(matrix * 2));
  ExpectSame(matrix.block(0, 1, 2, 2), from_eigen(matrix.block(0, 1, 2, 2)));
  Eigen::Matrix4d fixed = Eigen::Matrix4d::Identity();
  ExpectSame(Eigen::Matrix4d::Identity(), from_eigen(std::move(fixed)));
  const auto line = from_eigen(Eigen::VectorXi::LinSpaced(5, 0, 4));
  EXPECT_EQ(line.shape(), std::vector<std::int64_t>{5});
  EXPECT_EQ(line(3), 3);
  EXPECT_EQ(from_eigen(Eigen::MatrixXd(0, 7)).shape(),
            (std::vector<std::int64_t>{0, 7}));
}

// ---- As bytes.

TEST(EigenTest, MatricesTravel) {
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Random(7, 3);
  EXPECT_EQ(ThereAndBack(matrix), matrix);
  EXPECT_EQ(ThereAndBack<RowMajor>(matrix), matrix);
  const Eigen::Matrix3f fixed = Eigen::Matrix3f::Random();
  EXPECT_EQ(ThereAndBack(fixed), fixed);
  const Eigen::RowVectorXi row = Eigen::RowVectorXi::LinSpaced(4, 1, 4);
  EXPECT_EQ(ThereAndBack(row), row);
  const Eigen::VectorXcd complex = Eigen::VectorXcd::Random(9);
  EXPECT_EQ(ThereAndBack(complex), complex);
  const Eigen::ArrayXXd array = matrix;
  EXPECT_TRUE((ThereAndBack(array) == array).all());
  EXPECT_EQ(ThereAndBack(Eigen::MatrixXd(0, 5)).cols(), 5);
  Eigen::Matrix<bool, 2, 1> flags(true, false);
  EXPECT_EQ(ThereAndBack(flags), flags);
  Eigen::Matrix<std::string, 1, 2> names("a", "bc");
  EXPECT_EQ(ThereAndBack(names)(1), "bc");
}

TEST(EigenTest, BytesThatAreNoMatrixAreRefused) {
  const std::string bytes =
      Encoded<Eigen::MatrixXd>(Eigen::MatrixXd::Constant(2, 2, 1));
  const auto with = [&](std::int64_t rows, std::int64_t columns) {
    std::string changed = bytes;
    std::memcpy(changed.data(), &rows, 8);
    std::memcpy(changed.data() + 8, &columns, 8);
    return changed;
  };
  EXPECT_EQ(Decoded<Eigen::MatrixXd>(with(4, 1)).rows(), 4);
  for (const auto& [rows, columns] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{
           {-1, 2},
           {2, -1},
           {3, 2},
           {std::int64_t{1} << 62, 4},
           {std::int64_t{1} << 32, std::int64_t{1} << 32}}) {
    EXPECT_THROW(Decoded<Eigen::MatrixXd>(with(rows, columns)),
                 joblib::internal::DecodeError)
        << rows << " x " << columns;
  }
  EXPECT_THROW(Decoded<Eigen::Matrix3d>(bytes), joblib::internal::DecodeError);
  EXPECT_THROW(Decoded<Eigen::Vector4d>(bytes), joblib::internal::DecodeError);
  EXPECT_THROW(Decoded<Eigen::MatrixXd>(bytes.substr(0, bytes.size() - 1)),
               joblib::internal::DecodeError);
}

// ---- In tasks.

Eigen::MatrixXd Scaled(const Eigen::MatrixXd& matrix, int factor) {
  return matrix * factor;
}
Eigen::Vector2d Ends(const Array<double>& array) {
  const auto matrix = eigen_map<Eigen::MatrixXd>(array);
  return {matrix(0, 0), matrix(matrix.rows() - 1, matrix.cols() - 1)};
}
Array<double> Made(int i) {
  auto array = Array<double>::zeros({400, 100}, joblib::Memory::kPrivate, 'F');
  mutable_eigen_map<Eigen::MatrixXd>(array).setConstant(i);
  return array;
}

// Where there are no processes, threads run instead.
class EigenTaskTest : public ::testing::TestWithParam<const char*> {
 protected:
  const joblib::parallel_config config_{
      {.backend = GetParam(), .n_jobs = 2, .max_nbytes = "100K"}};
};

TEST_P(EigenTaskTest, MatricesAreArgumentsAndResults) {
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Random(30, 40);
  const auto scaled =
      joblib::Parallel()(joblib::each(joblib::range(5), [&](int i) {
        return joblib::delayed(Scaled)(matrix, i);
      }));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(scaled[static_cast<std::size_t>(i)], matrix * i);
  }
}

TEST_P(EigenTaskTest, ArraysOfMatricesAreMapped) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(500, 100);
  matrix(0, 0) = 1;
  matrix(499, 99) = 2;
  const auto table = from_eigen(std::move(matrix));
  for (const Eigen::Vector2d& ends :
       joblib::Parallel()(joblib::each(joblib::range(4), [&](int) {
         return joblib::delayed(Ends)(table);
       }))) {
    EXPECT_EQ(ends, Eigen::Vector2d(1, 2));
  }
}

TEST_P(EigenTaskTest, ResultsAreMappedByMatrices) {
  const auto all = joblib::Parallel()(joblib::each(
      joblib::range(3), [](int i) { return joblib::delayed(Made)(i); }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(
        eigen_map<Eigen::MatrixXd>(all[static_cast<std::size_t>(i)]).sum(),
        40'000 * i);
  }
}

INSTANTIATE_TEST_SUITE_P(Everywhere, EigenTaskTest,
                         ::testing::Values("threading", "loky",
                                           "multiprocessing"));

}  // namespace
