// WebAssembly knows no CPUs by number.

#include "native/affinity.h"

namespace joblib::native {

std::optional<int> AffinityCount() { return std::nullopt; }

void UseProcessAffinity() {}

bool KeepOffThisCpu(std::uint64_t /*thread_id*/) { return false; }

bool BindThreadForTest(int /*n_cpus*/) { return false; }

const std::string& AffinityWarning() {
  static const auto& none = *new std::string;
  return none;
}

}  // namespace joblib::native
