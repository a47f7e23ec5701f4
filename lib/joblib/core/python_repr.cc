#include "joblib/core/python_repr.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "joblib/core/number_text.h"

namespace joblib::internal {
namespace {

// d.ddd * 10**exponent, `digits` without the point.
struct Decimal {
  std::string digits;
  int exponent = 0;
};

Decimal RoundedTo(int n_digits, double magnitude) {
  const std::string text = ScientificText(magnitude, n_digits - 1);
  const std::size_t e = text.find('e');
  Decimal decimal;
  for (char c : text.substr(0, e)) {
    if (c != '.') decimal.digits += c;
  }
  decimal.exponent = std::atoi(text.c_str() + e + 1);
  return decimal;
}

// The next decimal above with as many digits.
Decimal Successor(Decimal decimal) {
  std::size_t i = decimal.digits.size();
  while (i > 0 && decimal.digits[i - 1] == '9') decimal.digits[--i] = '0';
  if (i > 0) {
    ++decimal.digits[i - 1];
  } else {
    decimal.digits.front() = '1';
    ++decimal.exponent;
  }
  return decimal;
}

bool ReadsAs(const Decimal& decimal, double magnitude) {
  return ParseDouble(absl::StrCat(decimal.digits.substr(0, 1), ".",
                                  decimal.digits.substr(1), "e",
                                  decimal.exponent)) == magnitude;
}

Decimal Shortest(double magnitude) {
  constexpr int kAlwaysEnough = 17;
  for (int n_digits = 1; n_digits < kAlwaysEnough; ++n_digits) {
    const Decimal nearest = RoundedTo(n_digits, magnitude);
    if (ReadsAs(nearest, magnitude)) return nearest;
    // A power of two is farther from its upper neighbour than from its lower
    // one: the second nearest may do where the nearest does not.
    const Decimal above = Successor(nearest);
    if (ReadsAs(above, magnitude)) return above;
  }
  return RoundedTo(kAlwaysEnough, magnitude);
}

struct Character {
  char32_t code = 0;
  std::size_t n_bytes = 1;
};

// The first character of `text`, which is not empty.
Character Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const Character invalid = {char32_t{0xdc00} + lead, 1};
  const std::size_t n_bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < n_bytes) return invalid;
  char32_t code = lead & (0x7f >> n_bytes);
  for (std::size_t i = 1; i < n_bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return invalid;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < kSmallest[n_bytes] || code > 0x10ffff || is_surrogate) {
    return invalid;
  }
  return {code, n_bytes};
}

// str.isprintable(): no control, format, surrogate or private character, no
// separator but the blank.
bool IsPrintable(char32_t code) {
  struct Range {
    char32_t first, last;
  };
  static constexpr Range kNotPrintable[] = {
      {0x0, 0x1f},        {0x7f, 0xa0},       {0xad, 0xad},
      {0x600, 0x605},     {0x61c, 0x61c},     {0x6dd, 0x6dd},
      {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},
      {0x1680, 0x1680},   {0x180e, 0x180e},   {0x2000, 0x200f},
      {0x2028, 0x202f},   {0x205f, 0x206f},   {0x3000, 0x3000},
      {0xd800, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},
      {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd},
      {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
      {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xf0000, 0x10ffff},
  };
  const auto* range =
      std::upper_bound(std::begin(kNotPrintable), std::end(kNotPrintable), code,
                       [](char32_t c, const Range& r) { return c < r.first; });
  return range == std::begin(kNotPrintable) || code > std::prev(range)->last;
}

std::string Escaped(char32_t code) {
  const auto number = static_cast<std::uint32_t>(code);
  if (number > 0xffff)
    return absl::StrCat("\\U", absl::Hex(number, absl::kZeroPad8));
  if (number > 0xff)
    return absl::StrCat("\\u", absl::Hex(number, absl::kZeroPad4));
  return absl::StrCat("\\x", absl::Hex(number, absl::kZeroPad2));
}

}  // namespace

std::string PythonRepr(double value) {
  if (std::isnan(value)) return "nan";
  const std::string sign = std::signbit(value) ? "-" : "";
  if (std::isinf(value)) return absl::StrCat(sign, "inf");
  if (value == 0) return absl::StrCat(sign, "0.0");

  auto [digits, exponent] = Shortest(std::fabs(value));
  const int n_digits = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    return absl::StrCat(sign, digits.substr(0, 1), n_digits > 1 ? "." : "",
                        digits.substr(1), exponent < 0 ? "e-" : "e+",
                        absl::Dec(std::abs(exponent), absl::kZeroPad2));
  }
  if (exponent < 0) {
    return absl::StrCat(sign, "0.", std::string(-exponent - 1, '0'), digits);
  }
  if (n_digits <= exponent + 1) {
    return absl::StrCat(sign, digits, std::string(exponent + 1 - n_digits, '0'),
                        ".0");
  }
  return absl::StrCat(sign, digits.substr(0, exponent + 1), ".",
                      digits.substr(exponent + 1));
}

std::string PythonRepr(std::int64_t value) { return absl::StrCat(value); }

std::string PythonRepr(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos;
  const bool has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string repr(1, quote);
  while (!text.empty()) {
    const Character character = Decode(text);
    const char32_t code = character.code;
    if (code == static_cast<unsigned char>(quote) || code == '\\') {
      repr += {'\\', static_cast<char>(code)};
    } else if (code == '\n') {
      repr += "\\n";
    } else if (code == '\r') {
      repr += "\\r";
    } else if (code == '\t') {
      repr += "\\t";
    } else if (IsPrintable(code)) {
      repr += text.substr(0, character.n_bytes);
    } else {
      repr += Escaped(code);
    }
    text.remove_prefix(character.n_bytes);
  }
  repr += quote;
  return repr;
}

std::size_t PythonLength(std::string_view text) {
  std::size_t length = 0;
  for (; !text.empty(); ++length) text.remove_prefix(Decode(text).n_bytes);
  return length;
}

std::string_view PythonPrefix(std::string_view text, std::size_t n_characters) {
  std::size_t end = 0;
  for (; n_characters > 0 && end < text.size(); --n_characters) {
    end += Decode(text.substr(end)).n_bytes;
  }
  return text.substr(0, end);
}

}  // namespace joblib::internal
