#include "joblib/core/pre_dispatch.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "joblib/core/expression_tokens.h"
#include "joblib/core/number_text.h"
#include "joblib/core/python_repr.h"

namespace joblib::internal {
namespace {

// joblib's limits (_utils.py). They bound the parser's recursion as well.
constexpr std::size_t kMaxCharacters = 30;
constexpr std::int64_t kMaxMagnitude = 1'000'000;
// Python refuses to print longer integers.
constexpr std::size_t kMaxPrintedDigits = 4300;

// ---- Errors ----

absl::Status TooLarge(std::string_view number) {
  return absl::InvalidArgumentError(absl::StrCat(
      "Numeric literal ", number, " is too large, max is ", kMaxMagnitude,
      ". Give a smaller pre_dispatch, or \"all\" for the whole input."));
}

absl::Status TooLong(std::string_view expression, std::size_t length) {
  return absl::InvalidArgumentError(absl::StrCat(
      "Expression ", PythonRepr(PythonPrefix(expression, kMaxCharacters)),
      "... is too long. Max length is ", kMaxCharacters, ", got ", length,
      ". Write pre_dispatch shorter, or give the number it stands for."));
}

absl::Status Unsupported(std::string_view expression) {
  return absl::InvalidArgumentError(absl::StrCat(
      PythonRepr(expression),
      " is not a valid or supported arithmetic expression. Give pre_dispatch "
      "as \"all\", as a number, or as an expression of numbers, n_jobs, "
      "+ - * / // % ** and parentheses, such as \"2 * n_jobs\"."));
}

// ---- Numbers: Python's int and float, and the fact of a complex one ----

// A non-negative integer of any size, for the one thing done with it: printing.
class BigInteger {
 public:
  explicit BigInteger(std::uint32_t value) : limbs_{value} {}

  // `factor` and `summand` <= 10**6.
  void MultiplyAndAdd(std::uint32_t factor, std::uint32_t summand) {
    std::uint64_t carry = summand;
    for (std::uint32_t& limb : limbs_) {
      carry += std::uint64_t{limb} * factor;
      limb = static_cast<std::uint32_t>(carry % kBase);
      carry /= kBase;
    }
    if (carry > 0) limbs_.push_back(static_cast<std::uint32_t>(carry));
  }

  std::string ToString() const {
    std::string text = absl::StrCat(limbs_.back());
    for (std::size_t i = limbs_.size() - 1; i-- > 0;) {
      absl::StrAppend(&text, absl::Dec(limbs_[i], absl::kZeroPad9));
    }
    return text;
  }

 private:
  static constexpr std::uint64_t kBase = 1'000'000'000;
  std::vector<std::uint32_t> limbs_;  // The least significant first; < kBase.
};

struct Number {
  // A complex number (a root of a negative one) never becomes a count; its
  // value is not followed, so a complex one above the limit is refused as
  // unsupported and not as too large.
  enum class Type { kInteger, kFloating, kComplex };

  static Number Integer(std::int64_t value) {
    return {Type::kInteger, value, static_cast<double>(value)};
  }
  static Number Floating(double value) { return {Type::kFloating, 0, value}; }
  static Number Complex() { return {Type::kComplex, 0, 0}; }

  Type type;
  std::int64_t integer;  // Of kInteger.
  double floating;       // Of kFloating and kInteger.
};

bool AreIntegers(const Number& a, const Number& b) {
  return a.type == Number::Type::kInteger && b.type == Number::Type::kInteger;
}

bool IsComplex(const Number& a, const Number& b) {
  return a.type == Number::Type::kComplex || b.type == Number::Type::kComplex;
}

// What an operator gives: a number; nothing where Python raises an exception
// that is no ValueError; or the error itself.
using Result = absl::StatusOr<std::optional<Number>>;

Result Add(const Number& a, const Number& b) {
  if (IsComplex(a, b)) return Number::Complex();
  if (AreIntegers(a, b)) return Number::Integer(a.integer + b.integer);
  return Number::Floating(a.floating + b.floating);
}

Result Negate(const Number& a) {
  if (a.type == Number::Type::kComplex) return a;
  if (a.type == Number::Type::kInteger) return Number::Integer(-a.integer);
  return Number::Floating(-a.floating);
}

Result Subtract(const Number& a, const Number& b) {
  if (IsComplex(a, b)) return Number::Complex();
  if (AreIntegers(a, b)) return Number::Integer(a.integer - b.integer);
  return Number::Floating(a.floating - b.floating);
}

Result Multiply(const Number& a, const Number& b) {
  if (IsComplex(a, b)) return Number::Complex();
  if (AreIntegers(a, b)) return Number::Integer(a.integer * b.integer);
  return Number::Floating(a.floating * b.floating);
}

Result Divide(const Number& a, const Number& b) {
  if (b.type != Number::Type::kComplex && b.floating == 0) return std::nullopt;
  if (IsComplex(a, b)) return Number::Complex();
  return Number::Floating(a.floating / b.floating);
}

// Python rounds quotients down, so a remainder has the sign of the divisor.
Result FloorDivide(const Number& a, const Number& b) {
  if (IsComplex(a, b) || b.floating == 0) return std::nullopt;
  if (AreIntegers(a, b)) {
    const std::int64_t quotient = a.integer / b.integer;
    const bool rounded_up =
        a.integer % b.integer != 0 && (a.integer < 0) != (b.integer < 0);
    return Number::Integer(quotient - (rounded_up ? 1 : 0));
  }
  const double remainder = std::fmod(a.floating, b.floating);
  double quotient = (a.floating - remainder) / b.floating;
  if (remainder != 0 && (b.floating < 0) != (remainder < 0)) quotient -= 1;
  // An integer but for the rounding of the division.
  return Number::Floating(std::round(quotient));
}

Result Modulo(const Number& a, const Number& b) {
  if (IsComplex(a, b) || b.floating == 0) return std::nullopt;
  if (AreIntegers(a, b)) {
    const std::int64_t remainder = a.integer % b.integer;
    const bool wrong_sign =
        remainder != 0 && (remainder < 0) != (b.integer < 0);
    return Number::Integer(wrong_sign ? remainder + b.integer : remainder);
  }
  const double remainder = std::fmod(a.floating, b.floating);
  const bool wrong_sign = remainder != 0 && (remainder < 0) != (b.floating < 0);
  return Number::Floating(wrong_sign ? remainder + b.floating : remainder);
}

Result FloatingPower(double base, double exponent) {
  if (base < 0 && exponent != std::floor(exponent)) return Number::Complex();
  const double power = std::pow(base, exponent);
  if (std::isinf(power)) return std::nullopt;  // Too large, or 1 / 0.
  return Number::Floating(power);
}

// `exponent` >= 0.
Result IntegerPower(std::int64_t base, std::int64_t exponent) {
  const std::int64_t magnitude = std::abs(base);
  const bool is_negative = base < 0 && exponent % 2 != 0;
  if (magnitude <= 1) {
    const std::int64_t power = exponent == 0 ? 1 : magnitude;
    return Number::Integer(is_negative ? -power : power);
  }
  const double n_digits = static_cast<double>(exponent) *
                          std::log10(static_cast<double>(magnitude));
  if (n_digits > 2 * kMaxPrintedDigits) {  // Not worth the multiplications.
    return TooLarge(absl::StrCat(base, "**", exponent));
  }
  BigInteger power(1);
  for (std::int64_t i = 0; i < exponent; ++i) {
    power.MultiplyAndAdd(static_cast<std::uint32_t>(magnitude), 0);
  }
  const std::string digits = power.ToString();
  // Python gives up here, with a text that would help nobody.
  if (digits.size() > kMaxPrintedDigits) {
    return TooLarge(absl::StrCat(base, "**", exponent));
  }
  const std::string text = absl::StrCat(is_negative ? "-" : "", digits);
  std::int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) return TooLarge(text);
  return Number::Integer(value);
}

Result Power(const Number& a, const Number& b) {
  if (IsComplex(a, b)) return Number::Complex();
  if (AreIntegers(a, b) && b.integer >= 0) {
    return IntegerPower(a.integer, b.integer);
  }
  return FloatingPower(a.floating, b.floating);
}

// ---- The parser ----

struct BinaryOperator {
  std::string_view text;
  int precedence;                                 // The higher one binds.
  Result (*apply)(const Number&, const Number&);  // nullptr: not supported.
};

constexpr std::array<BinaryOperator, 12> kBinaryOperators = {{
    {"|", 1, nullptr},
    {"^", 2, nullptr},
    {"&", 3, nullptr},
    {"<<", 4, nullptr},
    {">>", 4, nullptr},
    {"+", 5, Add},
    {"-", 5, Subtract},
    {"*", 6, Multiply},
    {"/", 6, Divide},
    {"//", 6, FloorDivide},
    {"%", 6, Modulo},
    {"@", 6, nullptr},
}};

// Evaluates while it parses. As in joblib a syntax error comes before all, then
// what is wrong with an operator, its left and its right operand, its value:
// hence an error is passed up as a value, and parsing goes on.
class Parser {
 public:
  // `expression`, of at most kMaxCharacters, is for the errors.
  Parser(std::string_view expression, std::vector<Token> tokens)
      : expression_(expression), tokens_(std::move(tokens)) {}

  absl::StatusOr<Number> Run() {
    absl::StatusOr<Number> value = ParseBinary(/*min_precedence=*/0);
    while (Peek().kind == Token::Kind::kNewline) ++at_;
    if (is_syntax_error_ || Peek().kind != Token::Kind::kEnd) {
      return Unsupported(expression_);
    }
    return value;
  }

 private:
  using Value = absl::StatusOr<Number>;

  const Token& Peek() const { return tokens_[at_]; }
  bool Take(std::string_view op) {
    if (Peek().kind != Token::Kind::kOperator || Peek().text != op)
      return false;
    ++at_;
    return true;
  }
  // Ends the parsing: the end alone is left to read.
  Value SyntaxError() {
    is_syntax_error_ = true;
    at_ = tokens_.size() - 1;
    return Unsupported(expression_);
  }

  Value Checked(const Result& result) const {
    if (!result.ok()) return result.status();
    if (!result->has_value()) return Unsupported(expression_);
    const Number& number = **result;
    if (number.type == Number::Type::kInteger &&
        std::abs(number.integer) > kMaxMagnitude) {
      return TooLarge(PythonRepr(number.integer));
    }
    if (number.type == Number::Type::kFloating &&
        std::fabs(number.floating) > kMaxMagnitude) {
      return TooLarge(PythonRepr(number.floating));
    }
    return number;
  }

  const BinaryOperator* PeekBinary() const {
    if (Peek().kind != Token::Kind::kOperator) return nullptr;
    for (const BinaryOperator& op : kBinaryOperators) {
      if (op.text == Peek().text) return &op;
    }
    return nullptr;
  }

  Value Apply(Result (*apply)(const Number&, const Number&), const Value& left,
              const Value& right) const {
    if (apply == nullptr) return Unsupported(expression_);
    if (!left.ok()) return left;
    if (!right.ok()) return right;
    return Checked(apply(*left, *right));
  }

  Value ParseBinary(int min_precedence) {
    Value left = ParseFactor();
    for (const BinaryOperator* op = PeekBinary();
         op != nullptr && op->precedence >= min_precedence; op = PeekBinary()) {
      ++at_;
      left = Apply(op->apply, left, ParseBinary(op->precedence + 1));
    }
    return left;
  }

  // A signed operand. ** binds tighter than a sign before it, not after it.
  Value ParseFactor() {
    if (Take("-")) {
      const Value operand = ParseFactor();
      return operand.ok() ? Checked(Negate(*operand)) : operand;
    }
    if (Take("+") || Take("~")) {  // Python has them, joblib does not.
      ParseFactor().IgnoreError();
      return Unsupported(expression_);
    }
    const Value base = ParseAtom();
    return Take("**") ? Apply(Power, base, ParseFactor()) : base;
  }

  Value ParseAtom() {
    if (Take("(")) {
      Value value = ParseBinary(/*min_precedence=*/0);
      return Take(")") ? value : SyntaxError();
    }
    const Token& token = Peek();
    switch (token.kind) {
      case Token::Kind::kNumber:
        ++at_;
        return ParseNumber(token.text);
      case Token::Kind::kName:
        ++at_;
        if (token.text == "True") return Number::Integer(1);
        if (token.text == "False") return Number::Integer(0);
        return Unsupported(expression_);
      case Token::Kind::kImaginary:
        ++at_;
        return Unsupported(expression_);
      default:
        return SyntaxError();
    }
  }

  Value ParseNumber(std::string_view literal) {
    const std::string digits = absl::StrReplaceAll(literal, {{"_", ""}});
    const char prefix = digits.size() > 1 ? absl::ascii_tolower(digits[1]) : 0;
    if (prefix == 'x') return ParseInteger(digits.substr(2), 16);
    if (prefix == 'o') return ParseInteger(digits.substr(2), 8);
    if (prefix == 'b') return ParseInteger(digits.substr(2), 2);
    if (digits.find_first_of(".eE") != digits.npos) {
      const std::optional<double> value = ParseDouble(digits);
      if (!value.has_value()) return SyntaxError();
      return Checked(Number::Floating(*value));
    }
    // No old-style octal numbers: 00 is one, 07 is none.
    const bool is_zero = digits.find_first_not_of('0') == digits.npos;
    if (digits[0] == '0' && !is_zero) return SyntaxError();
    return ParseInteger(digits, 10);
  }

  Value ParseInteger(std::string_view digits, std::uint32_t base) {
    if (digits.empty()) return SyntaxError();
    BigInteger integer(0);
    for (char c : digits) {
      const std::uint32_t digit =
          absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10;
      if (digit >= base) return SyntaxError();
      integer.MultiplyAndAdd(base, digit);
    }
    const std::string text = integer.ToString();
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value)) return TooLarge(text);
    return Checked(Number::Integer(value));
  }

  const std::string_view expression_;
  const std::vector<Token> tokens_;  // Ends with kEnd.
  std::size_t at_ = 0;
  bool is_syntax_error_ = false;
};

}  // namespace

absl::StatusOr<std::int64_t> EvaluatePreDispatch(std::string_view expression,
                                                 int n_jobs) {
  const std::string text =
      absl::StrReplaceAll(expression, {{"n_jobs", absl::StrCat(n_jobs)}});
  const std::size_t length = PythonLength(text);
  if (length > kMaxCharacters) return TooLong(text, length);

  std::optional<std::vector<Token>> tokens = Tokenize(text);
  if (!tokens.has_value()) return Unsupported(text);
  const absl::StatusOr<Number> value = Parser(text, *std::move(tokens)).Run();
  if (!value.ok()) return value.status();
  switch (value->type) {
    case Number::Type::kInteger:
      return value->integer;
    case Number::Type::kFloating:
      return static_cast<std::int64_t>(value->floating);
    case Number::Type::kComplex:
      break;
  }
  return Unsupported(text);
}

}  // namespace joblib::internal
