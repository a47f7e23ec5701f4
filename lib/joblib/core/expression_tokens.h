// The tokens of an expression in Python's notation.
#ifndef JOBLIB_CORE_EXPRESSION_TOKENS_H_
#define JOBLIB_CORE_EXPRESSION_TOKENS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace joblib::internal {

struct Token {
  enum class Kind { kNumber, kImaginary, kName, kOperator, kNewline, kEnd };
  Kind kind;
  std::string text;
};

// Cuts `text` into tokens, with Python's rules of lines and indentation; the
// last one is kEnd. Unset if `text` holds anything that no arithmetic
// expression does. Source:
// "Lexical analysis" in Python's language reference.
std::optional<std::vector<Token>> Tokenize(std::string_view text);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_EXPRESSION_TOKENS_H_
