// JsValue: how a C++ value looks in JavaScript. Knows
//
//   bool, all numbers     a boolean, a number; a whole number has to be one,
//                         in the type's range and below 2^53
//   std::string           a string
//   std::vector<T>        of numbers up to 32 bits or double: the typed array
//                         of that type (from any array of numbers); else an
//                         array
//   std::optional<T>      undefined, for no value
//   a struct              an object, if it names its fields:
//
//   struct Options {
//     int trees = 100;  // Stays where the page's object has no `trees`.
//     template <class Field>
//     void fields(Field& field) { field("trees", trees); }
//   };
//
// Of another type: specialize it. From throws std::invalid_argument that says
// what stands at `where`, also for fields that the struct does not have.
//
// Only on the thread that the JavaScript values belong to.
#ifndef WASM_BINDINGS_JS_VALUE_H_
#define WASM_BINDINGS_JS_VALUE_H_

#include <emscripten/val.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace joblib::wasm {

template <class T>
struct JsValue;

namespace internal {

// Throws std::invalid_argument: "trees is "x", not a whole number".
[[noreturn]] void Refuse(const emscripten::val& value, const std::string& where,
                         const std::string& wanted);
// Throws if it is none.
double NumberAt(const emscripten::val& value, const std::string& where);
double WholeNumberAt(const emscripten::val& value, const std::string& where,
                     double lowest, double highest);
// The length of an array, typed or not; throws if it is none.
std::size_t LengthAt(const emscripten::val& value, const std::string& where);

// Doubles hold all whole numbers to here.
inline constexpr double kMaxWhole = 9007199254740991;

// The numbers that JavaScript has a typed array for and embind a view of.
template <class T>
inline constexpr bool kHasTypedArray =
    std::is_arithmetic_v<T> && !std::is_same_v<T, bool> &&
    (sizeof(T) <= 4 || std::is_same_v<T, double>);

// Reads the fields of a struct from an object.
class FieldReader {
 public:
  FieldReader(const emscripten::val& object, const std::string& where);
  template <class T>
  void operator()(const char* name, T& field) {
    names_.emplace_back(name);
    const emscripten::val value = object_[name];
    if (value.isUndefined()) return;
    field = JsValue<T>::From(value, name);
  }
  // Throws if the object has keys that no field has.
  void RefuseOtherKeys() const;

 private:
  const emscripten::val& object_;
  const std::string& where_;
  std::vector<std::string> names_;
};

class FieldWriter {
 public:
  template <class T>
  void operator()(const char* name, T& field) {
    object_.set(name, JsValue<T>::To(field));
  }
  emscripten::val object() const { return object_; }

 private:
  emscripten::val object_ = emscripten::val::object();
};

template <class T>
concept HasFields = requires(T value, FieldWriter& writer) {
  value.fields(writer);
};

// Throws std::invalid_argument if `object` has another key than `names`.
void RefuseOtherKeys(const emscripten::val& object, const std::string& where,
                     const std::vector<std::string>& names);

}  // namespace internal

template <class T>
requires std::is_arithmetic_v<T>
struct JsValue<T> {
  static T From(const emscripten::val& value, const std::string& where) {
    if constexpr (std::is_same_v<T, bool>) {
      if (value.isTrue() || value.isFalse()) return value.isTrue();
      internal::Refuse(value, where, "true or false");
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<T>(internal::NumberAt(value, where));
    } else {
      using Limits = std::numeric_limits<T>;
      return static_cast<T>(internal::WholeNumberAt(
          value, where,
          std::fmax(static_cast<double>(Limits::min()), -internal::kMaxWhole),
          std::fmin(static_cast<double>(Limits::max()), internal::kMaxWhole)));
    }
  }
  static emscripten::val To(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      return emscripten::val(value);
    } else {
      return emscripten::val(static_cast<double>(value));
    }
  }
};

template <>
struct JsValue<std::string> {
  static std::string From(const emscripten::val& value,
                          const std::string& where) {
    if (!value.isString()) internal::Refuse(value, where, "a string");
    return value.as<std::string>();
  }
  static emscripten::val To(const std::string& value) {
    return emscripten::val(value);
  }
};

template <class T>
struct JsValue<std::vector<T>> {
  static std::vector<T> From(const emscripten::val& value,
                             const std::string& where) {
    std::vector<T> list(internal::LengthAt(value, where));
    if constexpr (internal::kHasTypedArray<T>) {
      emscripten::val(emscripten::typed_memory_view(list.size(), list.data()))
          .template call<void>("set", value);
    } else {
      for (std::size_t i = 0; i < list.size(); ++i) {
        list[i] =
            JsValue<T>::From(value[i], where + "[" + std::to_string(i) + "]");
      }
    }
    return list;
  }
  static emscripten::val To(std::vector<T>& list) {
    if constexpr (internal::kHasTypedArray<T>) {
      // A copy of its own: the heap's bytes may be shared, or move.
      return emscripten::val(
                 emscripten::typed_memory_view(list.size(), list.data()))
          .template call<emscripten::val>("slice");
    } else {
      emscripten::val array = emscripten::val::array();
      for (std::size_t i = 0; i < list.size(); ++i) {
        if constexpr (std::is_same_v<T, bool>) {
          array.set(i, emscripten::val(static_cast<bool>(list[i])));
        } else {
          array.set(i, JsValue<T>::To(list[i]));
        }
      }
      return array;
    }
  }
};

template <class T>
struct JsValue<std::optional<T>> {
  static std::optional<T> From(const emscripten::val& value,
                               const std::string& where) {
    if (value.isUndefined()) return std::nullopt;
    return JsValue<T>::From(value, where);
  }
  static emscripten::val To(std::optional<T>& value) {
    return value.has_value() ? JsValue<T>::To(*value)
                             : emscripten::val::undefined();
  }
};

template <internal::HasFields T>
struct JsValue<T> {
  static T From(const emscripten::val& value, const std::string& where) {
    T object{};
    // No argument at all: all fields keep their values.
    if (value.isUndefined()) return object;
    internal::FieldReader reader(value, where);
    object.fields(reader);
    reader.RefuseOtherKeys();
    return object;
  }
  static emscripten::val To(T& value) {
    internal::FieldWriter writer;
    value.fields(writer);
    return writer.object();
  }
};

}  // namespace joblib::wasm

#endif  // WASM_BINDINGS_JS_VALUE_H_
