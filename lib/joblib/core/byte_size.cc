#include "joblib/core/byte_size.h"

#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "joblib/core/number_text.h"
#include "joblib/core/python_repr.h"

namespace joblib::internal {
namespace {

// More of a text than this helps nobody to find it again.
constexpr std::size_t kMaxQuotedCharacters = 200;

std::string InvalidSize(std::string_view text, std::string_view hint = "") {
  const std::string_view quoted = PythonPrefix(text, kMaxQuotedCharacters);
  return absl::StrCat(
      "Invalid literal for size give: ", quoted,
      quoted.size() < text.size() ? "..." : "",
      " (type <class 'str'>) should be alike '10G', '500M', '50K'.", hint);
}

// Reads digits, with single underscores between them, off the front of `text`
// into `digits`. Returns whether there were any.
bool TakeDigits(std::string_view& text, std::string& digits) {
  std::size_t end = 0;
  while (end < text.size() &&
         (absl::ascii_isdigit(text[end]) ||
          (text[end] == '_' && end > 0 && end + 1 < text.size() &&
           absl::ascii_isdigit(text[end + 1])))) {
    if (text[end] != '_') digits += text[end];
    ++end;
  }
  text.remove_prefix(end);
  return end > 0;
}

// float(text), for ASCII.
bool PythonFloat(std::string_view text, double& value) {
  text = absl::StripAsciiWhitespace(text);
  std::string plain;
  if (absl::StartsWith(text, "-") || absl::StartsWith(text, "+")) {
    plain += text.front();
    text.remove_prefix(1);
  }
  for (std::string_view name : {"inf", "infinity", "nan"}) {
    if (absl::EqualsIgnoreCase(text, name)) {
      value = name == "nan" ? NAN : plain == "-" ? -INFINITY : INFINITY;
      return true;
    }
  }
  TakeDigits(text, plain);
  if (absl::StartsWith(text, ".")) {
    plain += '.';
    text.remove_prefix(1);
    TakeDigits(text, plain);
  }
  if (absl::StartsWithIgnoreCase(text, "e")) {
    plain += 'e';
    text.remove_prefix(1);
    if (absl::StartsWith(text, "-") || absl::StartsWith(text, "+")) {
      plain += text.front();
      text.remove_prefix(1);
    }
    if (!TakeDigits(text, plain)) return false;
  }
  const std::optional<double> number = ParseDouble(plain);
  value = number.value_or(0);
  return text.empty() && number.has_value();
}

// 0 for no unit at all.
double BytesOfUnit(char unit) {
  switch (unit) {
    case 'K':
      return 1024.0;
    case 'M':
      return 1024.0 * 1024;
    case 'G':
      return 1024.0 * 1024 * 1024;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::int64_t> ParseByteSize(std::string_view text,
                                          std::string* why) {
  double number = 0;
  if (text.empty() || BytesOfUnit(text.back()) == 0 ||
      !PythonFloat(text.substr(0, text.size() - 1), number) ||
      std::isnan(number)) {
    *why = InvalidSize(text);
    return std::nullopt;
  }
  const double size = std::trunc(number * BytesOfUnit(text.back()));
  if (size < 0) {
    *why = InvalidSize(text, " A size cannot be negative.");
    return std::nullopt;
  }
  constexpr double kTooLarge = 9223372036854775808.0;  // 2**63
  if (size >= kTooLarge) {
    *why = InvalidSize(text, " The largest size is '8589934591G'.");
    return std::nullopt;
  }
  return static_cast<std::int64_t>(size);
}

}  // namespace joblib::internal
