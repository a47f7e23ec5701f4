#include "joblib/array/element_type.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace joblib::internal {
namespace {

using Kind = PythonLiteral::Kind;

// Elements of a struct and of its arrays; what is larger is a broken header.
constexpr std::size_t kMaxScalars = 100000;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;

class Reader {
 public:
  ElementType All(const PythonLiteral& descr) {
    Read(descr, "");
    type_.swapped = order_.value_or('<') == '>';
    type_.text = descr.Text();
    return std::move(type_);
  }

 private:
  [[noreturn]] static void Fail(const PythonLiteral& descr, const char* why) {
    throw std::invalid_argument(
        absl::StrCat("the dtype ", descr.Text(), " ", why));
  }

  void Read(const PythonLiteral& descr, const std::string& name) {
    if (descr.kind == Kind::kText) return ReadScalar(descr, name);
    if (descr.kind != Kind::kList || descr.items.empty()) {
      Fail(descr, "is none of numpy's");
    }
    for (const PythonLiteral& field : descr.items) {
      const std::size_t n = field.items.size();
      if (field.kind != Kind::kTuple || n < 2 || n > 3) {
        Fail(descr, "has a field that is not (name, dtype[, shape])");
      }
      const PythonLiteral& title = field.items[0];
      // With a title, a field's name is a pair.
      const PythonLiteral& own =
          title.kind == Kind::kTuple && title.items.size() == 2 ? title.items[1]
                                                                : title;
      if (own.kind != Kind::kText) Fail(descr, "has a field without a name");
      const std::string path =
          name.empty() ? own.text : absl::StrCat(name, ".", own.text);
      std::size_t times = 1;
      if (n == 3) times = Times(descr, field.items[2]);
      for (std::size_t i = 0; i < times; ++i) Read(field.items[1], path);
    }
  }

  std::size_t Times(const PythonLiteral& descr, const PythonLiteral& shape) {
    std::vector<PythonLiteral> extents = shape.items;
    if (shape.kind == Kind::kInteger) extents = {shape};
    std::size_t times = 1;
    for (const PythonLiteral& extent : extents) {
      if (extent.kind != Kind::kInteger || extent.integer < 1 ||
          static_cast<std::uint64_t>(extent.integer) > kMaxScalars / times) {
        Fail(descr, "has a field of a shape that can't be");
      }
      times *= static_cast<std::size_t>(extent.integer);
    }
    return times;
  }

  void ReadScalar(const PythonLiteral& descr, const std::string& name) {
    const std::string& text = descr.text;
    const std::size_t prefix =
        !text.empty() && std::string("<>|=").find(text[0]) != std::string::npos;
    if (text.size() < prefix + 1) Fail(descr, "is none of numpy's");
    const char kind = text[prefix];
    if (kind == 'O') {
      Fail(descr, "holds Python objects, which only Python can read");
    }
    std::uint64_t bytes = 0;
    if (std::string("biufcVSmMU").find(kind) == std::string::npos ||
        !absl::SimpleAtoi(text.substr(prefix + 1), &bytes) || bytes == 0 ||
        bytes > kMaxBytes) {
      Fail(descr, "is none that joblib::Array knows");
    }
    if (kind == 'U') bytes *= 4;
    if (prefix == 1 && (text[0] == '<' || text[0] == '>') && bytes > 1) {
      if (order_.value_or(text[0]) != text[0]) {
        Fail(descr, "mixes both byte orders");
      }
      order_ = text[0];
    }
    // Padding has no name of its own: numpy may call it anything.
    if (type_.scalars.size() == kMaxScalars ||
        type_.bytes > kMaxBytes - bytes) {
      Fail(descr, "is too large");
    }
    type_.scalars.push_back({type_.bytes, static_cast<std::size_t>(bytes), kind,
                             kind == 'V' ? std::string() : name});
    type_.bytes += static_cast<std::size_t>(bytes);
  }

  ElementType type_;
  std::optional<char> order_;
};

void Reverse(std::byte* at, std::size_t n) { std::reverse(at, at + n); }

}  // namespace

ElementType ElementType::Of(const PythonLiteral& descr) {
  return Reader().All(descr);
}

ElementType ElementType::OfType(const char* descr, std::size_t bytes) {
  ElementType type;
  try {
    type = Of(PythonLiteral::Parse(descr));
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(
        absl::StrCat("npy_descr: \"", descr, "\": ", error.what()));
  }
  if (type.bytes != bytes) {
    throw std::invalid_argument(
        absl::StrCat("npy_descr: \"", descr, "\" describes ", type.bytes,
                     " bytes, but the type has ", bytes,
                     ": name its padding, too, as ('', '|V", "<bytes>", "')."));
  }
  return type;
}

bool ElementType::Holds(const ElementType& other) const {
  return bytes == other.bytes &&
         std::equal(scalars.begin(), scalars.end(), other.scalars.begin(),
                    other.scalars.end(), [](const Scalar& a, const Scalar& b) {
                      return a.offset == b.offset && a.bytes == b.bytes &&
                             a.kind == b.kind && a.name == b.name;
                    });
}

void ElementType::Swap(std::byte* elements, std::size_t n) const {
  for (std::size_t i = 0; i < n; ++i, elements += bytes) {
    for (const Scalar& scalar : scalars) {
      std::byte* const at = elements + scalar.offset;
      if (scalar.kind == 'c') {
        Reverse(at, scalar.bytes / 2);
        Reverse(at + scalar.bytes / 2, scalar.bytes / 2);
      } else if (scalar.kind == 'U') {
        for (std::size_t k = 0; k < scalar.bytes; k += 4) Reverse(at + k, 4);
      } else if (scalar.kind != 'V' && scalar.kind != 'S') {
        Reverse(at, scalar.bytes);
      }
    }
  }
}

void ElementType::FixBools(std::byte* elements, std::size_t n) const {
  const bool any =
      std::any_of(scalars.begin(), scalars.end(),
                  [](const Scalar& scalar) { return scalar.kind == 'b'; });
  if (!any) return;
  for (std::size_t i = 0; i < n; ++i, elements += bytes) {
    for (const Scalar& scalar : scalars) {
      if (scalar.kind == 'b' && elements[scalar.offset] != std::byte{0}) {
        elements[scalar.offset] = std::byte{1};
      }
    }
  }
}

}  // namespace joblib::internal
