#include "joblib/core/expression_tokens.h"

#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_replace.h"

namespace joblib::internal {
namespace {

bool IsNameCharacter(char c) { return absl::ascii_isalnum(c) || c == '_'; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text)
      : text_(absl::StrReplaceAll(text, {{"\r\n", "\n"}, {"\r", "\n"}})) {}

  // None if `text` holds anything that no arithmetic expression does.
  std::optional<std::vector<Token>> Run() {
    while (true) {
      if (at_line_start_ && !SkipIndentation()) return std::nullopt;
      if (!SkipBlanks()) return std::nullopt;
      if (at_ == text_.size()) break;
      if (Peek() == '\n') {
        ++at_;
        if (depth_ > 0) continue;
        tokens_.push_back({Token::Kind::kNewline, ""});
        at_line_start_ = true;
      } else if (!ReadToken()) {
        return std::nullopt;
      }
    }
    tokens_.push_back({Token::Kind::kEnd, ""});
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  // Goes to the first line that is not blank. False if that one is indented,
  // which no line may be.
  bool SkipIndentation() {
    std::size_t column = 0;
    while (at_ < text_.size()) {
      if (Peek() == ' ' || Peek() == '\t') {
        ++column;
        ++at_;
      } else if (Peek() == '\f') {
        column = 0;
        ++at_;
      } else if (Peek() == '\\') {
        if (!SkipContinuation()) return false;
      } else if (Peek() == '\n') {
        column = 0;
        ++at_;
      } else if (Peek() == '#') {
        column = 0;
        SkipComment();
      } else {
        break;
      }
    }
    at_line_start_ = false;
    return column == 0;
  }

  bool SkipBlanks() {
    while (at_ < text_.size()) {
      const char c = Peek();
      if (c == ' ' || c == '\t' || c == '\f') {
        ++at_;
      } else if (c == '#') {
        SkipComment();
      } else if (c == '\\') {
        if (!SkipContinuation()) return false;
      } else {
        break;
      }
    }
    return true;
  }

  void SkipComment() {
    while (at_ < text_.size() && Peek() != '\n') ++at_;
  }

  // A backslash at the end of a line that is not the last.
  bool SkipContinuation() {
    if (Peek(1) != '\n' || at_ + 2 == text_.size()) return false;
    at_ += 2;
    return true;
  }

  bool ReadToken() {
    const std::size_t start = at_;
    Token::Kind kind = Token::Kind::kOperator;
    if (absl::ascii_isdigit(Peek()) ||
        (Peek() == '.' && absl::ascii_isdigit(Peek(1)))) {
      SkipNumber();
      kind = Token::Kind::kNumber;
      if (absl::ascii_tolower(Peek()) == 'j') {
        ++at_;
        kind = Token::Kind::kImaginary;
      }
    } else if (IsNameCharacter(Peek())) {
      while (IsNameCharacter(Peek())) ++at_;
      kind = Token::Kind::kName;
    } else if (!SkipOperator()) {
      return false;
    }
    tokens_.push_back({kind, text_.substr(start, at_ - start)});
    return true;
  }

  void SkipNumber() {
    if (Peek() == '0') {
      const char prefix = absl::ascii_tolower(Peek(1));
      if (prefix == 'x' || prefix == 'o' || prefix == 'b') {
        at_ += Peek(2) == '_' ? 3 : 2;
        SkipDigits(absl::ascii_isxdigit);  // Which of them: IntegerLiteral.
        return;
      }
    }
    SkipDigits(absl::ascii_isdigit);
    if (Peek() == '.') {
      ++at_;
      SkipDigits(absl::ascii_isdigit);
    }
    const std::size_t sign = Peek(1) == '+' || Peek(1) == '-' ? 1 : 0;
    if (absl::ascii_tolower(Peek()) == 'e' &&
        absl::ascii_isdigit(Peek(1 + sign))) {
      at_ += 1 + sign;
      SkipDigits(absl::ascii_isdigit);
    }
  }

  // Digits with single underscores between them.
  void SkipDigits(bool (*is_digit)(unsigned char)) {
    while (is_digit(Peek()) || (Peek() == '_' && is_digit(Peek(1)) && at_ > 0 &&
                                is_digit(text_[at_ - 1]))) {
      ++at_;
    }
  }

  bool SkipOperator() {
    for (std::string_view two : {"**", "//", "<<", ">>"}) {
      if (std::string_view(text_).substr(at_, 2) == two) {
        at_ += 2;
        return true;
      }
    }
    constexpr std::string_view kOneCharacter = "+-*/%()~@&^|";
    if (kOneCharacter.find(Peek()) == kOneCharacter.npos) return false;
    if (Peek() == '(') ++depth_;
    if (Peek() == ')' && depth_-- == 0) return false;
    ++at_;
    return true;
  }

  const std::string text_;
  std::size_t at_ = 0;
  int depth_ = 0;  // Open parentheses: no line ends within.
  bool at_line_start_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::optional<std::vector<Token>> Tokenize(std::string_view text) {
  return Tokenizer(text).Run();
}

}  // namespace joblib::internal
