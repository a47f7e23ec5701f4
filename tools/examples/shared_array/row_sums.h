// SumRows: many tasks that fill parts of one output.
#ifndef TOOLS_EXAMPLES_SHARED_ARRAY_ROW_SUMS_H_
#define TOOLS_EXAMPLES_SHARED_ARRAY_ROW_SUMS_H_

#include <cstdint>

#include "joblib/joblib.h"

namespace row_sums {

// Numbers from 0 to 1, the same at each call.
joblib::Array<double> RandomTable(std::int64_t rows, std::int64_t columns);

// Writes the sum of each row of `table` to `sums`, and which worker wrote it to
// `writers`. In worker processes both have to be theirs as well: a map opened
// "r+" or "w+", or an array in joblib::Memory::kShared. Where and on how many
// workers: as the caller's joblib::parallel_config says.
void SumRows(const joblib::Array<double>& table,
             const joblib::Array<double>& sums,
             const joblib::Array<std::int32_t>& writers);

}  // namespace row_sums

#endif  // TOOLS_EXAMPLES_SHARED_ARRAY_ROW_SUMS_H_
