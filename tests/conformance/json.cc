#include "tests/conformance/json.h"

#include <algorithm>
#include <cstddef>
#include <stdexcept>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joblib::conformance {
namespace {

constexpr int kMaxDepth = 200;

void AppendUtf8(std::uint32_t code, std::string& text) {
  const auto append = [&text](std::uint32_t byte) {
    text += static_cast<char>(byte);
  };
  if (code < 0x80) {
    append(code);
  } else if (code < 0x800) {
    append(0xc0 | code >> 6);
    append(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    append(0xe0 | code >> 12);
    append(0x80 | (code >> 6 & 0x3f));
    append(0x80 | (code & 0x3f));
  } else {
    append(0xf0 | code >> 18);
    append(0x80 | (code >> 12 & 0x3f));
    append(0x80 | (code >> 6 & 0x3f));
    append(0x80 | (code & 0x3f));
  }
}

// Reads `text` from left to right. A function that finds something else than
// what it is named after gives an error, after which nothing more is read.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  absl::StatusOr<Json> ReadDocument() {
    absl::StatusOr<Json> value = ReadValue(/*depth=*/0);
    if (!value.ok()) return value;
    SkipBlanks();
    if (at_ != text_.size()) return Error("more text after the value");
    return value;
  }

 private:
  absl::Status Error(std::string_view what) const {
    const std::string_view before = text_.substr(0, at_);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0.
    return absl::InvalidArgumentError(absl::StrFormat(
        "line %d, column %d: %s", line, at_ - line_start + 1, what));
  }

  void SkipBlanks() {
    constexpr std::string_view kBlanks = " \t\n\r";
    at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size());
  }

  bool Take(std::string_view token) {
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }

  absl::StatusOr<Json> ReadValue(int depth) {
    SkipBlanks();
    if (depth > kMaxDepth) return Error("too many levels");
    if (Take("{")) return ReadObject(depth);
    if (Take("[")) return ReadArray(depth);
    if (Take("\"")) {
      absl::StatusOr<std::string> text = ReadText();
      if (!text.ok()) return text.status();
      return Json::Text(*text);
    }
    if (Take("null")) return Json();
    if (Take("true")) return Json::Boolean(true);
    if (Take("false")) return Json::Boolean(false);
    for (std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
      if (Take(name)) return Json::Number(Json::Kind::kFloating, name);
    }
    return ReadNumber();
  }

  // After the opening brace.
  absl::StatusOr<Json> ReadObject(int depth) {
    Json::Members members;
    SkipBlanks();
    if (Take("}")) return Json::Object({});
    do {
      SkipBlanks();
      if (!Take("\"")) return Error("expected a key in double quotes");
      absl::StatusOr<std::string> key = ReadText();
      if (!key.ok()) return key.status();
      for (const auto& [name, unused] : members) {
        if (name == *key) return Error("a key for the second time");
      }
      SkipBlanks();
      if (!Take(":")) return Error("expected ':'");
      absl::StatusOr<Json> value = ReadValue(depth + 1);
      if (!value.ok()) return value;
      members.emplace_back(*std::move(key), *std::move(value));
      SkipBlanks();
    } while (Take(","));
    if (!Take("}")) return Error("expected ',' or '}'");
    return Json::Object(std::move(members));
  }

  // After the opening bracket.
  absl::StatusOr<Json> ReadArray(int depth) {
    Json::Items items;
    SkipBlanks();
    if (Take("]")) return Json::Array({});
    do {
      absl::StatusOr<Json> value = ReadValue(depth + 1);
      if (!value.ok()) return value;
      items.push_back(*std::move(value));
      SkipBlanks();
    } while (Take(","));
    if (!Take("]")) return Error("expected ',' or ']'");
    return Json::Array(std::move(items));
  }

  // After the opening quote.
  absl::StatusOr<std::string> ReadText() {
    std::string text;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) {
        return Error("a control code in a text");
      }
      ++at_;
      if (c == '"') return text;
      if (c != '\\') {
        text += c;
        continue;
      }
      if (const absl::Status status = ReadEscape(text); !status.ok()) {
        return status;
      }
    }
    return Error("a text without end");
  }

  // After the backslash.
  absl::Status ReadEscape(std::string& text) {
    if (at_ == text_.size()) return Error("a text without end");
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char name = text_[at_++];
    if (const std::size_t i = kNames.find(name); i != kNames.npos) {
      text += kMeanings[i];
      return absl::OkStatus();
    }
    std::uint32_t code = 0;
    if (name != 'u' || !ReadHex(code)) return Error("no such escape");
    if (code >= 0xd800 && code < 0xdc00) {  // The first half of a character.
      std::uint32_t low = 0;
      if (!Take("\\u") || !ReadHex(low) || low < 0xdc00 || low > 0xdfff) {
        return Error("half a character");
      }
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return Error("half a character");
    }
    AppendUtf8(code, text);
    return absl::OkStatus();
  }

  bool ReadHex(std::uint32_t& code) {
    const std::string_view digits = text_.substr(at_, 4);
    if (digits.size() < 4 ||
        !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
      return false;
    }
    at_ += 4;
    return absl::SimpleHexAtoi(digits, &code);
  }

  bool TakeDigits() {
    const std::size_t start = at_;
    while (at_ < text_.size() && absl::ascii_isdigit(text_[at_])) ++at_;
    return at_ > start;
  }

  absl::StatusOr<Json> ReadNumber() {
    const std::size_t start = at_;
    Take("-");
    if (!Take("0") && !TakeDigits()) return Error("expected a value");
    Json::Kind kind = Json::Kind::kInteger;
    if (Take(".")) {
      kind = Json::Kind::kFloating;
      if (!TakeDigits()) return Error("expected digits");
    }
    if (Take("e") || Take("E")) {
      kind = Json::Kind::kFloating;
      if (!Take("+")) Take("-");
      if (!TakeDigits()) return Error("expected digits");
    }
    return Json::Number(kind, text_.substr(start, at_ - start));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace

absl::StatusOr<Json> Json::Parse(std::string_view text) {
  return Reader(text).ReadDocument();
}

Json Json::Boolean(bool value) {
  return Json(Kind::kBoolean, value ? "true" : "false");
}

Json Json::Integer(std::int64_t value) {
  return Json(Kind::kInteger, absl::StrCat(value));
}

Json Json::Number(Kind kind, std::string_view spelling) {
  return Json(kind, spelling);
}

Json Json::Text(std::string_view text) { return Json(Kind::kText, text); }

Json Json::Array(Items items) {
  Json json(Kind::kArray, "");
  json.items_ = std::move(items);
  return json;
}

Json Json::Object(Members members) {
  Json json(Kind::kObject, "");
  json.members_ = std::move(members);
  return json;
}

void Json::Require(bool is, std::string_view what) const {
  if (!is) {
    throw std::logic_error(absl::StrCat("Not ", what, ": ", ToString()));
  }
}

bool Json::boolean() const {
  Require(kind_ == Kind::kBoolean, "a boolean");
  return spelling_ == "true";
}

std::int64_t Json::integer() const {
  std::int64_t value = 0;
  Require(kind_ == Kind::kInteger && absl::SimpleAtoi(spelling_, &value),
          "an integer of 64 bits");
  return value;
}

double Json::number() const {
  double value = 0;
  const bool is = (kind_ == Kind::kInteger || kind_ == Kind::kFloating) &&
                  absl::SimpleAtod(spelling_, &value);
  Require(is, "a number");
  return value;
}

const std::string& Json::text() const {
  Require(kind_ == Kind::kText, "a text");
  return spelling_;
}

const Json::Items& Json::items() const {
  Require(kind_ == Kind::kArray, "an array");
  return items_;
}

const Json::Members& Json::members() const {
  Require(kind_ == Kind::kObject, "an object");
  return members_;
}

const Json* Json::Find(std::string_view key) const {
  for (const auto& [name, value] : members()) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::operator[](std::string_view key) const {
  const Json* member = Find(key);
  Require(member != nullptr, absl::StrCat("an object with \"", key, "\""));
  return *member;
}

std::string Json::ToString() const {
  std::string text;
  std::string_view separator;
  switch (kind_) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
    case Kind::kInteger:
    case Kind::kFloating:
      return spelling_;
    case Kind::kText:
      return Quoted(spelling_);
    case Kind::kArray:
      for (const Json& item : items_) {
        absl::StrAppend(&text, separator, item.ToString());
        separator = ", ";
      }
      return absl::StrCat("[", text, "]");
    case Kind::kObject:
      for (const auto& [name, value] : members_) {
        absl::StrAppend(&text, separator, Quoted(name), ": ", value.ToString());
        separator = ", ";
      }
      return absl::StrCat("{", text, "}");
  }
  return text;
}

bool operator==(const Json& a, const Json& b) {
  if (a.kind_ != b.kind_) return false;
  if (a.kind_ == Json::Kind::kFloating) return a.number() == b.number();
  if (a.spelling_ != b.spelling_ || a.items_ != b.items_) return false;
  if (a.members_.size() != b.members_.size()) return false;
  return std::all_of(a.members_.begin(), a.members_.end(),
                     [&b](const auto& member) {
                       const Json* other = b.Find(member.first);
                       return other != nullptr && member.second == *other;
                     });
}

Json With(const Json& object, std::string_view key, Json value) {
  Json::Members members = object.members();
  for (auto& [name, member] : members) {
    if (name != key) continue;
    member = std::move(value);
    return Json::Object(std::move(members));
  }
  members.emplace_back(key, std::move(value));
  return Json::Object(std::move(members));
}

Json Without(const Json& object, std::string_view key) {
  Json::Members members;
  for (const auto& member : object.members()) {
    if (member.first != key) members.push_back(member);
  }
  return Json::Object(std::move(members));
}

}  // namespace joblib::conformance
