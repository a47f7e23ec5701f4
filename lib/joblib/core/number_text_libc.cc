// By a C library that knows no locale: musl, on WebAssembly.
#include <cstdio>
#include <cstdlib>

#include "joblib/core/number_text.h"

namespace joblib::internal {
namespace {

std::string Formatted(const char* format, int precision, double value) {
  const int size = std::snprintf(nullptr, 0, format, precision, value);
  std::string text(static_cast<std::size_t>(size), '\0');
  // The terminating zero goes where the string has its own.
  std::snprintf(text.data(), text.size() + 1, format, precision, value);
  return text;
}

}  // namespace

std::string FixedText(double value, int precision) {
  return Formatted("%.*f", precision, value);
}

std::string ScientificText(double value, int precision) {
  return Formatted("%.*e", precision, value);
}

std::string GeneralText(double value, int precision) {
  return Formatted("%.*g", precision, value);
}

std::optional<double> ParseDouble(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || end != text.c_str() + text.size()) return std::nullopt;
  return value;
}

}  // namespace joblib::internal
