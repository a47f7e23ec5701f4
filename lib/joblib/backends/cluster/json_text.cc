#include "joblib/backends/cluster/json_text.h"

#include <cmath>
#include <stdexcept>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joblib::internal {

namespace {

std::string Quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&json, absl::StrFormat("\\u%04x", c));
    } else {
      json += c;
    }
  }
  return json += '"';
}

}  // namespace

std::string JsonText(const BackendParam::Map& entries) {
  std::string json = "{";
  for (const auto& [name, value] : entries) {
    absl::StrAppend(&json, json.size() > 1 ? "," : "", Quoted(name), ":",
                    JsonText(value));
  }
  return json += '}';
}

std::string JsonText(const BackendParam& param) {
  if (param.as_bool() != nullptr) return *param.as_bool() ? "true" : "false";
  if (param.as_integer() != nullptr) return absl::StrCat(*param.as_integer());
  if (param.as_text() != nullptr) {
    return Quoted(*param.as_text());
  }
  if (param.as_map() != nullptr) return JsonText(*param.as_map());
  if (param.as_list() != nullptr) {
    std::string json = "[";
    for (const BackendParam& element : *param.as_list()) {
      absl::StrAppend(&json, json.size() > 1 ? "," : "", JsonText(element));
    }
    return json += ']';
  }
  if (param.as_double() != nullptr && std::isfinite(*param.as_double())) {
    return absl::StrFormat("%.17g", *param.as_double());
  }
  throw std::invalid_argument(
      "A parameter for the cluster's client must be a finite number, a bool, a "
      "text, or a list or map of these.");
}

}  // namespace joblib::internal
