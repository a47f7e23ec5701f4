#include "wasm/bindings/type_demangler.h"

#include <cstddef>
#include <utility>
#include <vector>

namespace joblib::wasm::internal {
namespace {

// One letter each, from 'a' to 'z'.
constexpr const char* kBuiltin[] = {"signed char",
                                    "bool",
                                    "char",
                                    "double",
                                    "long double",
                                    "float",
                                    "__float128",
                                    "unsigned char",
                                    "int",
                                    "unsigned int",
                                    "",
                                    "long",
                                    "unsigned long",
                                    "__int128",
                                    "unsigned __int128",
                                    "",
                                    "",
                                    "",
                                    "short",
                                    "unsigned short",
                                    "",
                                    "void",
                                    "wchar_t",
                                    "long long",
                                    "unsigned long long",
                                    "..."};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Every reading function returns an empty text, and all after it do, once
// something is not understood.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<std::string> Run() {
    std::string type = Type();
    if (failed_ || at_ != text_.size()) return std::nullopt;
    return type;
  }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool Take(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }

  std::string Fail() {
    failed_ = true;
    at_ = text_.size();
    return "";
  }

  std::string Remember(std::string name) {
    substitutions_.push_back(name);
    return name;
  }

  std::string Type() {
    for (const auto& [letter, suffix] : {std::pair{"K", " const"},
                                         {"V", " volatile"},
                                         {"P", "*"},
                                         {"R", "&"},
                                         {"O", "&&"}}) {
      if (!Take(letter)) continue;
      // The name stands within the type of a function or array.
      if (Peek() == 'F' || Peek() == 'A') return Fail();
      return Remember(Type() + suffix);
    }
    if (Take("D")) return Take("n") ? "std::nullptr_t" : Fail();
    if (Take("F")) return Remember(Function());
    if (Peek() == 'N' || Peek() == 'S' || IsDigit(Peek())) return Name();
    const char letter = Peek();
    if (letter < 'a' || letter > 'z' || *kBuiltin[letter - 'a'] == '\0') {
      return Fail();
    }
    ++at_;
    return kBuiltin[letter - 'a'];
  }

  // "void (int, char)".
  std::string Function() {
    std::string function = Type() + " (";
    if (!Take("vE")) {
      for (bool first = true; !failed_ && !Take("E"); first = false) {
        function += (first ? "" : ", ") + Type();
      }
    }
    return function + ")";
  }

  std::string Name() {
    if (!Take("N")) {
      std::string name = "";
      if (Take("St")) {
        name = Remember("std::" + Identifier());
      } else if (Peek() == 'S') {
        name = Substitution();
      } else {
        name = Remember(Identifier());
      }
      return Peek() == 'I' ? Remember(name + Arguments()) : name;
    }
    std::string name;
    while (!failed_ && !Take("E")) {
      if (Peek() == 'I') {
        name = Remember(name + Arguments());
      } else if (name.empty() && Take("St")) {
        name = "std";
      } else if (name.empty() && Peek() == 'S') {
        name = Substitution();
      } else {
        name = Remember((name.empty() ? "" : name + "::") + Identifier());
      }
    }
    return name;
  }

  std::string Substitution() {
    Take("S");
    if (Take("a")) return "std::allocator";
    if (Take("s")) return "std::string";
    std::size_t index = 0;
    if (!Take("_")) {
      for (; IsDigit(Peek()) || (Peek() >= 'A' && Peek() <= 'Z'); ++at_) {
        index =
            index * 36 + (IsDigit(Peek()) ? Peek() - '0' : Peek() - 'A' + 10);
      }
      ++index;
      if (!Take("_")) return Fail();
    }
    return index < substitutions_.size() ? substitutions_[index] : Fail();
  }

  std::string Identifier() {
    std::string name(Counted());
    if (name.substr(0, 10) == "_GLOBAL__N") name = "(anonymous namespace)";
    while (Take("B")) name += "[abi:" + std::string(Counted()) + "]";
    return name;
  }

  // "3abc" is abc.
  std::string_view Counted() {
    std::size_t size = 0;
    for (; IsDigit(Peek()) && size < text_.size(); ++at_) {
      size = size * 10 + (Peek() - '0');
    }
    if (size == 0 || size > text_.size() - at_) {
      Fail();
      return "";
    }
    at_ += size;
    return text_.substr(at_ - size, size);
  }

  std::string Arguments() {
    Take("I");
    return "<" + ArgumentList() + ">";
  }

  std::string ArgumentList() {
    std::string list;
    while (!failed_ && !Take("E")) {
      // The arguments of a pack stand among the others.
      const std::string argument = Take("J")   ? ArgumentList()
                                   : Take("L") ? Literal()
                                               : Type();
      if (!list.empty() && !argument.empty()) list += ", ";
      list += argument;
    }
    return list;
  }

  std::string Literal() {
    const char type = Peek();
    ++at_;
    std::string value = Take("n") ? "-" : "";
    while (IsDigit(Peek())) value += text_[at_++];
    if (!Take("E")) return Fail();
    switch (type) {
      case 'b':
        return value == "0" ? "false" : "true";
      case 'i':
        return value;
      case 'j':
        return value + "u";
      case 'l':
        return value + "l";
      case 'm':
        return value + "ul";
      default:
        return Fail();
    }
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  bool failed_ = false;
  std::vector<std::string> substitutions_;
};

}  // namespace

std::optional<std::string> DemangledType(std::string_view mangled) {
  return Reader(mangled).Run();
}

}  // namespace joblib::wasm::internal
