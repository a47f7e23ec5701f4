// For WebAssembly. Its C library would do, but weighs 15 kB more than this: it
// calculates in numbers of 128 bits, which the machine does not have.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "joblib/core/number_text.h"

namespace joblib::internal {
namespace {

// 0.ddd * 10**point.
struct Decimal {
  std::string digits;
  int point = 0;
};

void DropZerosAtEnd(std::string& digits) {
  digits.erase(digits.find_last_not_of('0') + 1);
}

// A whole number, in limbs of nine decimal digits, the lowest first.
class Whole {
 public:
  explicit Whole(std::uint64_t value) {
    for (; value > 0; value /= kBase) {
      limbs_.push_back(static_cast<std::uint32_t>(value % kBase));
    }
  }

  void MultiplyBy(std::uint32_t factor) {
    std::uint64_t carry = 0;
    for (std::uint32_t& limb : limbs_) {
      carry += std::uint64_t{limb} * factor;
      limb = static_cast<std::uint32_t>(carry % kBase);
      carry /= kBase;
    }
    if (carry > 0) limbs_.push_back(static_cast<std::uint32_t>(carry));
  }

  std::string Digits() const {
    std::string digits;
    for (std::uint32_t limb : limbs_) {
      for (int i = 0; i < kLimbDigits; ++i, limb /= 10) {
        digits += static_cast<char>('0' + limb % 10);
      }
    }
    DropZerosAtEnd(digits);
    std::reverse(digits.begin(), digits.end());
    return digits;
  }

 private:
  static constexpr int kLimbDigits = 9;
  static constexpr std::uint64_t kBase = 1'000'000'000;

  std::vector<std::uint32_t> limbs_;
};

// mantissa * 2**exponent.
struct Binary {
  std::uint64_t mantissa = 0;
  int exponent = 0;
};

constexpr int kMantissaBits = std::numeric_limits<double>::digits;
constexpr int kMinExponent =
    std::numeric_limits<double>::min_exponent - kMantissaBits;

// With the exponent that its neighbour above has, too.
Binary BinaryOf(double magnitude) {
  if (magnitude == 0) return {0, kMinExponent};
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent - kMantissaBits, kMinExponent);
  return {static_cast<std::uint64_t>(std::ldexp(magnitude, -exponent)),
          exponent};
}

// All of its digits, no zero before or after them.
Decimal Exact(Binary binary) {
  Whole whole(binary.mantissa);
  // 2**-n is 5**n / 10**n.
  for (int i = 0; i < std::abs(binary.exponent); ++i) {
    whole.MultiplyBy(binary.exponent > 0 ? 2 : 5);
  }
  Decimal decimal = {.digits = whole.Digits()};
  decimal.point =
      static_cast<int>(decimal.digits.size()) + std::min(binary.exponent, 0);
  DropZerosAtEnd(decimal.digits);
  return decimal;
}

// To `n_digits`, half to even; one more where 9.99 becomes 10.0.
Decimal Rounded(Decimal decimal, int n_digits) {
  std::string& digits = decimal.digits;
  if (n_digits < 0) digits.clear();
  const auto n = static_cast<std::size_t>(std::max(n_digits, 0));
  if (digits.size() <= n) {
    digits.resize(n, '0');
    return decimal;
  }
  const bool is_half =
      digits[n] == '5' && digits.find_first_not_of('0', n + 1) == digits.npos;
  const bool is_odd = n > 0 && (digits[n - 1] - '0') % 2 != 0;
  const bool goes_up = is_half ? is_odd : digits[n] >= '5';
  digits.resize(n);
  if (!goes_up) return decimal;
  std::size_t i = n;
  while (i > 0 && digits[i - 1] == '9') digits[--i] = '0';
  if (i > 0) {
    ++digits[i - 1];
  } else {
    digits.insert(0, 1, '1');
    ++decimal.point;
  }
  return decimal;
}

// d.ddd * 10**exponent, with `precision` digits after the point.
Decimal Normalized(const Decimal& exact, int precision, int* exponent) {
  Decimal decimal = Rounded(exact, precision + 1);
  decimal.digits.resize(static_cast<std::size_t>(precision) + 1);
  *exponent = exact.digits.empty() ? 0 : decimal.point - 1;
  return decimal;
}

void InsertPoint(std::string& digits, std::size_t at) {
  if (at < digits.size()) digits.insert(at, 1, '.');
}

std::string Fixed(const Decimal& exact, int precision) {
  Decimal decimal = Rounded(exact, exact.point + precision);
  std::string& digits = decimal.digits;
  const auto n_fraction = static_cast<std::size_t>(precision);
  if (digits.size() <= n_fraction) {
    digits.insert(0, n_fraction + 1 - digits.size(), '0');
  }
  InsertPoint(digits, digits.size() - n_fraction);
  return digits;
}

std::string Scientific(const Decimal& exact, int precision) {
  int exponent = 0;
  std::string text = Normalized(exact, precision, &exponent).digits;
  InsertPoint(text, 1);
  const int distance = std::abs(exponent);
  text += exponent < 0 ? "e-" : "e+";
  if (distance < 10) text += '0';
  return text + std::to_string(distance);
}

void DropZerosAfterPoint(std::string& text) {
  const std::size_t end = std::min(text.find('e'), text.size());
  if (text.find('.') == text.npos) return;
  std::size_t last = text.find_last_not_of('0', end - 1);
  if (text[last] == '.') --last;
  text.erase(last + 1, end - last - 1);
}

std::string General(const Decimal& exact, int precision) {
  const int n_digits = std::max(precision, 1);
  int exponent = 0;
  Normalized(exact, n_digits - 1, &exponent);
  std::string text = exponent < -4 || exponent >= n_digits
                         ? Scientific(exact, n_digits - 1)
                         : Fixed(exact, n_digits - 1 - exponent);
  DropZerosAfterPoint(text);
  return text;
}

std::string Written(double value, int precision,
                    std::string (*write)(const Decimal&, int)) {
  const std::string sign = std::signbit(value) ? "-" : "";
  if (std::isnan(value)) return sign + "nan";
  if (std::isinf(value)) return sign + "inf";
  return sign + write(Exact(BinaryOf(std::fabs(value))), precision);
}

// Takes digits off the front of `text`.
std::string_view TakeDigits(std::string_view& text) {
  const std::size_t n =
      std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, n);
  text.remove_prefix(n);
  return digits;
}

bool TakeOneOf(std::string_view characters, std::string_view& text) {
  if (text.empty() || characters.find(text.front()) == characters.npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

// An exponent; beyond what could matter, any such.
std::optional<int> TakeExponent(std::string_view& text) {
  constexpr int kTooLarge = 1'000'000;
  const bool is_negative = !text.empty() && text.front() == '-';
  TakeOneOf("+-", text);
  const std::string_view digits = TakeDigits(text);
  if (digits.empty()) return std::nullopt;
  int exponent = 0;
  for (const char digit : digits) {
    exponent = std::min(exponent * 10 + (digit - '0'), kTooLarge);
  }
  return is_negative ? -exponent : exponent;
}

// The magnitude that all of `text` says.
std::optional<Decimal> ReadDecimal(std::string_view text) {
  Decimal decimal = {.digits = std::string(TakeDigits(text))};
  decimal.point = static_cast<int>(decimal.digits.size());
  if (TakeOneOf(".", text)) decimal.digits += TakeDigits(text);
  if (decimal.digits.empty()) return std::nullopt;
  if (TakeOneOf("eE", text)) {
    const std::optional<int> exponent = TakeExponent(text);
    if (!exponent.has_value()) return std::nullopt;
    decimal.point += *exponent;
  }
  if (!text.empty()) return std::nullopt;
  const std::size_t n_zeros =
      std::min(decimal.digits.find_first_not_of('0'), decimal.digits.size());
  decimal.digits.erase(0, n_zeros);
  decimal.point -= static_cast<int>(n_zeros);
  DropZerosAtEnd(decimal.digits);
  return decimal;
}

// Below 0, 0 or above, as a is to b. Neither is zero.
int Compare(const Decimal& a, const Decimal& b) {
  return a.point != b.point ? a.point - b.point : a.digits.compare(b.digits);
}

// Some units in the last place off, at most; never infinite.
double Near(const Decimal& decimal) {
  // The largest power of ten that is exact.
  constexpr int kStep = 22;
  constexpr double kPower = 1e22;
  constexpr int kEnough = 18;
  std::uint64_t number = 0;
  const std::size_t n = std::min<std::size_t>(decimal.digits.size(), kEnough);
  for (const char digit : decimal.digits.substr(0, n)) {
    number = number * 10 + static_cast<std::uint64_t>(digit - '0');
  }
  auto near = static_cast<double>(number);
  int exponent = decimal.point - static_cast<int>(n);
  for (; exponent >= kStep; exponent -= kStep) near *= kPower;
  for (; exponent <= -kStep; exponent += kStep) near /= kPower;
  for (; exponent > 0; --exponent) near *= 10;
  for (; exponent < 0; ++exponent) near /= 10;
  return std::min(near, std::numeric_limits<double>::max());
}

// Half to even. The point is where a double's may be.
double Nearest(const Decimal& decimal) {
  double near = Near(decimal);
  while (std::isfinite(near)) {
    const Binary binary = BinaryOf(near);
    const bool is_odd = binary.mantissa % 2 != 0;
    const int above =
        Compare(decimal, Exact({2 * binary.mantissa + 1, binary.exponent - 1}));
    if (above > 0 || (above == 0 && is_odd)) {
      near = std::nextafter(near, std::numeric_limits<double>::infinity());
      continue;
    }
    if (near == 0) break;
    const double lower = std::nextafter(near, 0);
    const Binary beneath = BinaryOf(lower);
    const int below = Compare(
        decimal, Exact({2 * beneath.mantissa + 1, beneath.exponent - 1}));
    if (below > 0 || (below == 0 && !is_odd)) break;
    near = lower;
  }
  return near;
}

}  // namespace

std::string FixedText(double value, int precision) {
  return Written(value, precision, &Fixed);
}

std::string ScientificText(double value, int precision) {
  return Written(value, precision, &Scientific);
}

std::string GeneralText(double value, int precision) {
  return Written(value, precision, &General);
}

std::optional<double> ParseDouble(const std::string& text) {
  constexpr int kMaxPoint = std::numeric_limits<double>::max_exponent10 + 1;
  constexpr int kMinPoint = -400;
  std::string_view magnitude = text;
  const double sign = !text.empty() && text.front() == '-' ? -1 : 1;
  TakeOneOf("+-", magnitude);
  const std::optional<Decimal> decimal = ReadDecimal(magnitude);
  if (!decimal.has_value()) return std::nullopt;
  if (decimal->digits.empty() || decimal->point < kMinPoint) return sign * 0.0;
  if (decimal->point > kMaxPoint) {
    return sign * std::numeric_limits<double>::infinity();
  }
  return sign * Nearest(*decimal);
}

}  // namespace joblib::internal
