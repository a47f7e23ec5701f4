#include "native/affinity.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "native/environment.h"

namespace joblib::native {
namespace {

bool AsksForPinning(const std::string& name, const std::string& value) {
  if (value.empty()) return false;
  if (name == "OMP_PROC_BIND") return !absl::EqualsIgnoreCase(value, "false");
  if (name == "KMP_AFFINITY") {
    return !absl::EqualsIgnoreCase(value, "none") &&
           !absl::EqualsIgnoreCase(value, "disabled");
  }
  return true;
}

std::string Cpus(std::size_t count) {
  return count == 1 ? "1 CPU" : absl::StrCat(count, " CPUs");
}

}  // namespace

std::optional<std::string> PinnedBy() {
  for (const char* name :
       {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"}) {
    const std::optional<std::string> value = GetEnv(name);
    if (value.has_value() && AsksForPinning(name, *value)) {
      return absl::StrCat(name, "=", *value);
    }
  }
  return std::nullopt;
}

AffinityChoice ChooseAffinity(const AffinityFacts& facts) {
  if (!facts.pinned_by.has_value()) return {.mask = facts.own};
  AffinityChoice choice = {.mask = facts.own};
  if (facts.parent.has_value()) {
    choice.mask = *facts.parent;
    // The parent may live in another cpuset.
    if (facts.cpuset.has_value()) choice.mask &= *facts.cpuset;
  }
  if (facts.cpuset.has_value() &&
      (!facts.parent.has_value() || choice.mask.none())) {
    choice.mask = *facts.cpuset;
  }
  if (choice.mask.none()) choice.mask = facts.own;
  if (facts.own.count() < choice.mask.count()) {
    choice.warning = absl::StrCat(
        "With ", *facts.pinned_by, " in the environment, OpenMP has pinned ",
        "this program's first thread to ", Cpus(facts.own.count()),
        ". joblib does not follow it: cpu_count() and joblib's threads go by ",
        "the ", Cpus(choice.mask.count()), " of the ",
        facts.parent.has_value() ? "parent process" : "cpuset",
        ". Unset the variable to silence this warning.");
  }
  return choice;
}

}  // namespace joblib::native
