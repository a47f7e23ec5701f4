#include "joblib/array/npy_header.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/array/layout.h"
#include "joblib/array/python_literal.h"

namespace joblib::internal {
namespace {

using Kind = PythonLiteral::Kind;

constexpr char kMagic[] = "\x93NUMPY";
constexpr std::size_t kMagicBytes = 6;
constexpr std::size_t kAlignment = 64;     // numpy's ARRAY_ALIGN.
constexpr std::size_t kGrowthDigits = 21;  // numpy's GROWTH_AXIS_MAX_DIGITS.
constexpr std::uint64_t kMaxHeader = 1 << 20;  // Thousands of fields.

std::uint32_t LittleEndian(const unsigned char* bytes, std::size_t n) {
  std::uint32_t value = 0;
  for (std::size_t i = n; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}

std::vector<std::int64_t> ShapeOf(const PythonLiteral& shape) {
  const bool ok =
      shape.kind == Kind::kTuple &&
      std::all_of(shape.items.begin(), shape.items.end(),
                  [](const PythonLiteral& extent) {
                    return extent.kind == Kind::kInteger && extent.integer >= 0;
                  });
  if (!ok) {
    throw std::invalid_argument(
        absl::StrCat("shape is not valid: ", shape.Text()));
  }
  std::vector<std::int64_t> extents;
  for (const PythonLiteral& extent : shape.items) {
    extents.push_back(extent.integer);
  }
  return extents;
}

}  // namespace

NpyHeader NpyHeader::Read(
    std::uint64_t file_bytes,
    const std::function<void(std::uint64_t, void*, std::size_t)>& read) {
  unsigned char begin[kMagicBytes + 2];
  if (file_bytes < sizeof begin) {
    throw std::invalid_argument(
        absl::StrCat("it has ", file_bytes, " bytes, which is too few"));
  }
  read(0, begin, sizeof begin);
  if (std::memcmp(begin, kMagic, kMagicBytes) != 0) {
    throw std::invalid_argument("the magic string \\x93NUMPY is missing");
  }
  const int major = begin[kMagicBytes];
  if (major < 1 || major > 3 || begin[kMagicBytes + 1] != 0) {
    throw std::invalid_argument(absl::StrCat(
        "format version ", major, ".", static_cast<int>(begin[kMagicBytes + 1]),
        " is none of 1.0, 2.0 and 3.0"));
  }
  unsigned char length[4] = {};
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  std::uint64_t at = sizeof begin;
  if (file_bytes - at < length_bytes) {
    throw std::invalid_argument("it ends before its header");
  }
  read(at, length, length_bytes);
  at += length_bytes;
  const std::uint32_t bytes = LittleEndian(length, length_bytes);
  if (bytes > file_bytes - at) {
    throw std::invalid_argument(absl::StrCat("a header of ", bytes,
                                             " bytes is announced, but only ",
                                             file_bytes - at, " are left"));
  }
  if (bytes > kMaxHeader) {
    throw std::invalid_argument(absl::StrCat(
        "a header of ", bytes, " bytes is larger than ", kMaxHeader));
  }
  std::string text(bytes, '\0');
  read(at, text.data(), text.size());
  NpyHeader header;
  header.data_offset = at + bytes;
  const PythonLiteral all = PythonLiteral::Parse(text);
  const PythonLiteral* const descr = all.Find("descr");
  const PythonLiteral* const order = all.Find("fortran_order");
  const PythonLiteral* const shape = all.Find("shape");
  if (descr == nullptr || order == nullptr || shape == nullptr ||
      all.items.size() != 6) {
    throw std::invalid_argument(
        "its header is no dictionary of descr, fortran_order and shape");
  }
  if (order->kind != Kind::kBool) {
    throw std::invalid_argument(
        absl::StrCat("fortran_order is not a valid bool: ", order->Text()));
  }
  header.fortran_order = order->integer != 0;
  header.shape = ShapeOf(*shape);
  header.type = ElementType::Of(*descr);
  return header;
}

std::string NpyHeader::Write(const std::string& descr, bool fortran_order,
                             const std::vector<std::int64_t>& shape) {
  std::string text =
      absl::StrCat("{'descr': ", PythonLiteral::Parse(descr).Text(),
                   ", 'fortran_order': ", fortran_order ? "True" : "False",
                   ", 'shape': ", ShapeText(shape), ", }");
  if (!shape.empty()) {
    // So that the file can be made longer in place.
    const std::int64_t axis = fortran_order ? shape.back() : shape.front();
    text.append(kGrowthDigits - absl::StrCat(axis).size(), ' ');
  }
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
  for (const char version : {'\1', '\2', '\3'}) {
    const std::size_t length_bytes = version == 1 ? 2 : 4;
    const std::size_t before = kMagicBytes + 2 + length_bytes;
    const std::size_t unpadded = before + text.size() + 1;
    const std::size_t padding = kAlignment - unpadded % kAlignment;
    const std::size_t bytes = text.size() + 1 + padding;
    if (version == 1 && bytes > 0xffff) continue;
    if (version < 3 && !ascii) continue;
    std::string header(kMagic, kMagicBytes);
    header += version;
    header += '\0';
    for (std::size_t i = 0; i < length_bytes; ++i) {
      header += static_cast<char>(bytes >> 8 * i & 0xff);
    }
    return header + text + std::string(padding, ' ') + '\n';
  }
  throw std::invalid_argument("a .npy header of more than 4 GB");
}

}  // namespace joblib::internal
