#include "joblib/core/number_text.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

namespace joblib::internal {

std::string FixedText(double value, int precision) {
  return absl::StrFormat("%.*f", precision, value);
}

std::string ScientificText(double value, int precision) {
  return absl::StrFormat("%.*e", precision, value);
}

std::string GeneralText(double value, int precision) {
  return absl::StrFormat("%.*g", precision, value);
}

std::optional<double> ParseDouble(const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value)) return std::nullopt;
  return value;
}

}  // namespace joblib::internal
