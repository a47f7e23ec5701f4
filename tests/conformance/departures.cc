#include "tests/conformance/departures.h"

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace joblib::conformance {
namespace {

Json InvalidSize(std::string_view text, std::string_view why) {
  const std::string message = absl::StrCat(
      "Invalid literal for size give: ", text,
      " (type <class 'str'>) should be alike '10G', '500M', '50K'. ", why);
  return Json::Object({{"error", Json::Object({
                                     {"type", Json::Text("ValueError")},
                                     {"message", Json::Text(message)},
                                 })}});
}

std::optional<Json> RefusesSizesOutOfRange(const Case& c, Target) {
  if (c.scenario["kind"].text() != "memory_size") return std::nullopt;
  bool departs = false;
  Json::Members expect = c.expect.members();
  for (auto& [text, outcome] : expect) {
    const Json* value = outcome.Find("value");
    if (value == nullptr) continue;
    const std::string digits = value->ToString();
    std::int64_t unused = 0;
    if (absl::StartsWith(digits, "-")) {
      outcome = InvalidSize(text, "A size cannot be negative.");
    } else if (!absl::SimpleAtoi(digits, &unused)) {
      outcome = InvalidSize(text, "The largest size is '8589934591G'.");
    } else {
      continue;
    }
    departs = true;
  }
  if (!departs) return std::nullopt;
  return Json::Object(std::move(expect));
}

constexpr Departure kDepartures[] = {
    {"functions.json", "DESIGN 8.10",
     "A size that is negative or beyond 64 bits cannot be honoured: it is "
     "refused early, where joblib takes it to no purpose.",
     RefusesSizesOutOfRange},
};

}  // namespace

absl::Span<const Departure> Departures() { return kDepartures; }

}  // namespace joblib::conformance
