// Json: a small reader of JSON for the conformance tables, and the values it
// reads.
//
//   absl::StatusOr<Json> table = Json::Parse(text);
//   for (const Json& item : table->items()) Use(item["id"].text());
//
// It reads what Python's json module writes: NaN, Infinity and -Infinity too.
// An object keeps the order of its members. A number keeps whether it was
// written as an integer, and how: 2, 2.0 and 10**30 differ.

#ifndef JOBLIB_TESTS_CONFORMANCE_JSON_H_
#define JOBLIB_TESTS_CONFORMANCE_JSON_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace joblib::conformance {

// A value. Asking for what it is not throws std::logic_error with the value, so
// that a test ends there and says why.
class Json {
 public:
  enum class Kind {
    kNull,
    kBoolean,
    kInteger,
    kFloating,
    kText,
    kArray,
    kObject,
  };
  using Items = std::vector<Json>;
  using Members = std::vector<std::pair<std::string, Json>>;

  // Errors: INVALID_ARGUMENT, with line and column: anything that is not JSON,
  // a key twice in an object, more than 200 levels.
  static absl::StatusOr<Json> Parse(std::string_view text);

  Json() = default;  // Null.
  static Json Boolean(bool value);
  static Json Integer(std::int64_t value);
  // As written: `spelling` must be a number of JSON or of Python's json.
  static Json Number(Kind kind, std::string_view spelling);
  static Json Text(std::string_view text);
  static Json Array(Items items);
  static Json Object(Members members);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_text() const { return kind_ == Kind::kText; }
  bool is_object() const { return kind_ == Kind::kObject; }

  bool boolean() const;
  std::int64_t integer() const;  // Of an integer; it must fit.
  double number() const;         // Of either kind of number.
  const std::string& text() const;
  const Items& items() const;
  const Members& members() const;

  // The member of this object, or nullptr.
  const Json* Find(std::string_view key) const;
  // The same; it must be there.
  const Json& operator[](std::string_view key) const;

  // JSON on one line, as Python writes it but for escapes of control codes.
  std::string ToString() const;
  // The order of members does not count; 2 and 2.0 differ.
  friend bool operator==(const Json& a, const Json& b);

  // So that tasks can take and give it in other processes.
  template <class Archive>
  void serialize(Archive& archive) {
    archive(kind_, spelling_, items_, members_);
  }

 private:
  Json(Kind kind, std::string_view spelling)
      : kind_(kind), spelling_(spelling) {}
  void Require(bool is, std::string_view what) const;

  Kind kind_ = Kind::kNull;
  std::string spelling_;  // "true" or "false", the number, the text.
  Items items_;
  Members members_;
};

// `object` with one more member, behind the others or in place of it.
Json With(const Json& object, std::string_view key, Json value);
// `object` without a member.
Json Without(const Json& object, std::string_view key);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_JSON_H_
