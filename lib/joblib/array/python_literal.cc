#include "joblib/array/python_literal.h"

#include <stdexcept>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace joblib::internal {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  PythonLiteral All() {
    PythonLiteral value = Value(0);
    SkipBlanks();
    if (at_ != text_.size()) Fail("an end");
    return value;
  }

 private:
  static constexpr int kMaxDepth = 32;

  [[noreturn]] void Fail(const char* expected) const {
    throw std::invalid_argument(
        absl::StrCat("expected ", expected, " at byte ", at_));
  }
  void SkipBlanks() {
    while (at_ < text_.size() && absl::ascii_isspace(Byte())) ++at_;
  }
  unsigned char Byte() const { return static_cast<unsigned char>(text_[at_]); }
  bool Accept(char c) {
    SkipBlanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool AcceptWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  static PythonLiteral Of(PythonLiteral::Kind kind) {
    PythonLiteral value;
    value.kind = kind;
    return value;
  }
  static PythonLiteral Bool(bool is_true) {
    PythonLiteral value = Of(PythonLiteral::Kind::kBool);
    value.integer = is_true ? 1 : 0;
    return value;
  }

  PythonLiteral Value(int depth) {
    if (depth > kMaxDepth) Fail("fewer brackets");
    SkipBlanks();
    if (at_ == text_.size()) Fail("a value");
    using Kind = PythonLiteral::Kind;
    if (Accept('{')) return Items(Kind::kDict, '}', depth);
    if (Accept('[')) return Items(Kind::kList, ']', depth);
    if (Accept('(')) return Items(Kind::kTuple, ')', depth);
    if (AcceptWord("True")) return Bool(true);
    if (AcceptWord("False")) return Bool(false);
    if (AcceptWord("None")) return {};
    if (Byte() == '\'' || Byte() == '"') return Quoted();
    return Number();
  }

  PythonLiteral Items(PythonLiteral::Kind kind, char end, int depth) {
    PythonLiteral value = Of(kind);
    bool comma = true;
    while (!Accept(end)) {
      if (!comma) Fail("a comma");
      value.items.push_back(Value(depth + 1));
      if (kind == PythonLiteral::Kind::kDict) {
        if (!Accept(':')) Fail("a colon");
        value.items.push_back(Value(depth + 1));
      }
      comma = Accept(',');
    }
    // "(3)" is the number.
    if (kind == PythonLiteral::Kind::kTuple && !comma &&
        value.items.size() == 1) {
      PythonLiteral only = std::move(value.items[0]);
      return only;
    }
    return value;
  }

  PythonLiteral Quoted() {
    const char quote = text_[at_++];
    PythonLiteral value = Of(PythonLiteral::Kind::kText);
    for (;;) {
      if (at_ == text_.size()) Fail("a closing quote");
      const char c = text_[at_++];
      if (c == quote) return value;
      if (c != '\\') {
        value.text += c;
        continue;
      }
      // Python writes quotes and backslashes of field names like this.
      if (at_ == text_.size() ||
          (text_[at_] != '\\' && text_[at_] != '\'' && text_[at_] != '"')) {
        Fail("a quote or a backslash after a backslash");
      }
      value.text += text_[at_++];
    }
  }

  PythonLiteral Number() {
    const std::size_t begin = at_;
    if (text_[at_] == '-') ++at_;
    while (at_ < text_.size() && absl::ascii_isdigit(Byte())) ++at_;
    PythonLiteral value = Of(PythonLiteral::Kind::kInteger);
    if (!absl::SimpleAtoi(text_.substr(begin, at_ - begin), &value.integer)) {
      at_ = begin;
      Fail("an integer of 64 bits");
    }
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2's.
    return value;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

PythonLiteral PythonLiteral::Parse(std::string_view text) {
  return Parser(text).All();
}

const PythonLiteral* PythonLiteral::Find(std::string_view key) const {
  if (kind != Kind::kDict) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].kind == Kind::kText && items[i].text == key) {
      return &items[i + 1];
    }
  }
  return nullptr;
}

std::string PythonLiteral::Text() const {
  switch (kind) {
    case Kind::kText: {
      std::string quoted = "'";
      for (const char c : text) {
        if (c == '\'' || c == '\\') quoted += '\\';
        quoted += c;
      }
      return quoted + "'";
    }
    case Kind::kInteger:
      return absl::StrCat(integer);
    case Kind::kBool:
      return integer != 0 ? "True" : "False";
    case Kind::kNone:
      return "None";
    case Kind::kDict: {
      std::string all = "{";
      for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
        absl::StrAppend(&all, i == 0 ? "" : ", ", items[i].Text(), ": ",
                        items[i + 1].Text());
      }
      return all + "}";
    }
    case Kind::kList:
    case Kind::kTuple:
      break;
  }
  std::string all = kind == Kind::kList ? "[" : "(";
  for (std::size_t i = 0; i < items.size(); ++i) {
    absl::StrAppend(&all, i == 0 ? "" : ", ", items[i].Text());
  }
  if (kind == Kind::kTuple && items.size() == 1) all += ",";
  return all + (kind == Kind::kList ? "]" : ")");
}

}  // namespace joblib::internal
