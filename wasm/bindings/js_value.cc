#include "wasm/bindings/js_value.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

namespace joblib::wasm::internal {
namespace {

using emscripten::val;

constexpr std::size_t kMaxShown = 60;  // Characters of a refused value.

bool IsObject(const val& value) {
  return !value.isNull() && value.typeOf().as<std::string>() == "object";
}

std::string Shown(const val& value) {
  if (value.isUndefined()) return "undefined";
  std::string text;
  if (value.isString() || IsObject(value)) {
    const val json = val::global("JSON").call<val>("stringify", value);
    if (json.isString()) text = json.as<std::string>();
  } else {
    text = val::global("String")(value).as<std::string>();
  }
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return text;
}

}  // namespace

void Refuse(const val& value, const std::string& where,
            const std::string& wanted) {
  throw std::invalid_argument(where + " is " + Shown(value) + ", not " +
                              wanted);
}

double NumberAt(const val& value, const std::string& where) {
  if (!value.isNumber()) Refuse(value, where, "a number");
  return value.as<double>();
}

double WholeNumberAt(const val& value, const std::string& where, double lowest,
                     double highest) {
  const double number = value.isNumber() ? value.as<double>() : NAN;
  if (number != std::floor(number) || number < lowest || number > highest) {
    Refuse(value, where,
           "a whole number from " + Shown(val(lowest)) + " to " +
               Shown(val(highest)));
  }
  return number;
}

std::size_t LengthAt(const val& value, const std::string& where) {
  const bool is_array =
      value.isArray() ||
      (val::global("ArrayBuffer").call<bool>("isView", value) &&
       value["length"].isNumber());  // A DataView has none.
  if (!is_array) Refuse(value, where, "an array");
  return value["length"].as<std::size_t>();
}

FieldReader::FieldReader(const val& object, const std::string& where)
    : object_(object), where_(where) {
  if (!IsObject(object) || object.isArray()) Refuse(object, where, "an object");
}

void FieldReader::RefuseOtherKeys() const {
  internal::RefuseOtherKeys(object_, where_, names_);
}

void RefuseOtherKeys(const val& object, const std::string& where,
                     const std::vector<std::string>& names) {
  const val keys = val::global("Object").call<val>("keys", object);
  const auto n_keys = keys["length"].as<std::size_t>();
  for (std::size_t i = 0; i < n_keys; ++i) {
    const auto key = keys[i].as<std::string>();
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    std::string known;
    for (const std::string& name : names) {
      known += (known.empty() ? "" : ", ") + name;
    }
    throw std::invalid_argument(where + " has no '" + key +
                                "'; there are: " + known);
  }
}

}  // namespace joblib::wasm::internal
