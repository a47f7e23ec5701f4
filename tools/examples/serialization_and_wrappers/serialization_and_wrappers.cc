// joblib's example "Serialization of un-picklable objects", in C++: what can be
// sent to a worker process, what the errors say, the ways out, and what each
// costs.
#include <cstdio>
#include <exception>

#include "tools/examples/serialization_and_wrappers/ways.h"

int main() {
  try {
    for (const auto& way : serialization_and_wrappers::TryAll(100'000)) {
      std::printf("%-46s %s %8.2f ms\n", way.what.c_str(),
                  way.error.empty() ? "went  " : "didn't", 1e3 * way.seconds);
      if (!way.error.empty()) std::printf("    %s\n", way.error.c_str());
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "serialization_and_wrappers: %s\n", error.what());
    return 1;
  }
}
