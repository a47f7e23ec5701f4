#include "tests/conformance/memmap_departures.h"

#include <string_view>
#include <utility>

namespace joblib::conformance {
namespace {

bool IsOfUser(const Json& place) {
  return place["file"] == Json::Text("user file");
}

bool IsKind(const Case& c, std::string_view kind) {
  const Json* is = c.scenario.Find("kind");
  return is != nullptr && *is == Json::Text(kind);
}

}  // namespace

std::optional<Json> FilesHaveNoNames(const Case& c, Target) {
  const Json* place = c.expect.Find("place");
  if (place == nullptr) return std::nullopt;
  Json expect = Without(c.expect, "folder_exists_after_call");
  expect = With(expect, "place", Json::Object({{"root", (*place)["root"]}}));
  if (IsOfUser(*place)) return expect;
  Json sees = c.expect["sees"];
  sees = With(sees, "offset", Json::Integer(0));
  sees = With(sees, "folder_mode", Json());
  sees = With(sees, "file_mode", Json());
  return With(expect, "sees", std::move(sees));
}

std::optional<Json> OneCopyForAllCalls(const Case& c, Target) {
  if (!IsKind(c, "managed") && !IsKind(c, "two_parallels")) return std::nullopt;
  return Json::Object({{"same_file_each_call", Json::Boolean(true)}});
}

std::optional<Json> ViewsOfMapsAreMaps(const Case& c, Target) {
  const Json* sees = c.expect.Find("sees");
  if (sees == nullptr || !(*sees)["shared"].boolean() ||
      (*sees)["type"] != Json::Text("ndarray")) {
    return std::nullopt;
  }
  return With(c.expect, "sees", With(*sees, "type", Json::Text("memmap")));
}

std::optional<Json> ResultsAreWriteable(const Case& c, Target) {
  const Json* shared = c.expect.Find("returned_is_shared");
  if (shared == nullptr || shared->boolean() ||
      c.expect["returned_writeable"].boolean()) {
    return std::nullopt;
  }
  return With(c.expect, "returned_writeable", Json::Boolean(true));
}

std::optional<Json> ModesMeanWhatTheySay(const Case& c, Target) {
  const Json* mode = c.scenario["parallel"].Find("mmap_mode");
  if (mode == nullptr || c.expect.Find("error") == nullptr) return std::nullopt;
  if (!mode->is_null()) {
    return Json::Object(
        {{"error",
          Json::Object({{"type", Json::Text("ValueError")},
                        {"message", Json::Text("mmap_mode must be one of 'r', "
                                               "'r+', 'w+', 'c' or None, got: "
                                               "'nosuch'")}})}});
  }
  // What the table says of a small array.
  return Json::Object(
      {{"sees", Json::Object({{"type", Json::Text("ndarray")},
                              {"shared", Json::Boolean(false)},
                              {"mode", Json()},
                              {"offset", Json()},
                              {"writeable", Json::Boolean(true)},
                              {"c_contiguous", Json::Boolean(true)},
                              {"f_contiguous", Json::Boolean(true)},
                              {"shape", c.scenario["array"]["shape"]},
                              {"dtype", c.scenario["array"]["dtype"]},
                              {"sum", Json::Integer(99000)},
                              {"folder_mode", Json()},
                              {"file_mode", Json()}})},
       {"parent_array_changed", Json::Boolean(false)}});
}

}  // namespace joblib::conformance
