// PythonLiteral: the values that the header of a .npy file is written in:
// dictionaries, lists, tuples, texts, integers, True, False, None.
//
//   PythonLiteral header = PythonLiteral::Parse("{'shape': (2, 3), }");
//
// Thread-safety: a value. Errors: std::invalid_argument, naming the place.
#ifndef JOBLIB_ARRAY_PYTHON_LITERAL_H_
#define JOBLIB_ARRAY_PYTHON_LITERAL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace joblib::internal {

struct PythonLiteral {
  enum class Kind { kText, kInteger, kBool, kNone, kList, kTuple, kDict };
  Kind kind = Kind::kNone;
  std::string text;
  std::int64_t integer = 0;  // kInteger, kBool.
  // kDict: keys and values by turns.
  std::vector<PythonLiteral> items;

  // All of `text`, blanks around it aside.
  static PythonLiteral Parse(std::string_view text);
  // A dictionary's value; null if there is none.
  const PythonLiteral* Find(std::string_view key) const;
  // As Python's repr().
  std::string Text() const;
};

}  // namespace joblib::internal

#endif  // JOBLIB_ARRAY_PYTHON_LITERAL_H_
