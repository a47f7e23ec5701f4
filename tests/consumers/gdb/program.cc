// What gdb stops in, to show arrays.
#include <cstdint>

#include "joblib/array.h"

namespace {

using ::joblib::Array;

[[gnu::noinline]] void Stop(const Array<double>& table,
                            const Array<double>& transposed,
                            const Array<std::int32_t>& row,
                            const Array<double>& scalar,
                            const Array<float>& empty) {
  asm volatile("" : : "r"(&table), "r"(&transposed), "r"(&row));
  asm volatile("" : : "r"(&scalar), "r"(&empty) : "memory");
}

}  // namespace

int main() {
  const auto table = Array<double>::from({1, 2, 3, 4, 5, 6.5}, {2, 3});
  const auto row = Array<std::int32_t>::from({7, 8, 9, 10}, {4});
  Stop(table, table.transpose(), row.slice(0, 4, 2),
       Array<double>::from({42}, {}), Array<float>());
}
