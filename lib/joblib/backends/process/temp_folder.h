// Where copies of arrays for worker processes are kept, in joblib's order.
//
// Thread-safety: all functions.
#ifndef JOBLIB_BACKENDS_PROCESS_TEMP_FOLDER_H_
#define JOBLIB_BACKENDS_PROCESS_TEMP_FOLDER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace joblib::internal {

// The folders to try, best first: the argument (empty: none), else
// JOBLIB_TEMP_FOLDER, else /dev/shm if more than 2 GB are free there, then the
// system's: TMPDIR, TEMP, TMP, /tmp. `~` is HOME.
std::vector<std::string> TempFolders(
    const std::string& argument,
    const std::function<std::optional<std::string>(const char*)>& environment,
    std::optional<std::uint64_t> free_in_shm);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_TEMP_FOLDER_H_
