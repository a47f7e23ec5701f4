// Floating-point numbers as text and back, the same in every locale.
//
// On WebAssembly not by Abseil, whose formatting would weigh more than all of
// Parallel there.
#ifndef JOBLIB_CORE_NUMBER_TEXT_H_
#define JOBLIB_CORE_NUMBER_TEXT_H_

#include <optional>
#include <string>

namespace joblib::internal {

// As printf's "%.*f", "%.*e" and "%.*g".
std::string FixedText(double value, int precision);
std::string ScientificText(double value, int precision);
std::string GeneralText(double value, int precision);

// The whole of `text`, digits of a decimal number, as a number; what is too
// large is infinite. None for anything else.
std::optional<double> ParseDouble(const std::string& text);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_NUMBER_TEXT_H_
