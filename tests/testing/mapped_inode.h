// InodeAt: which file or anonymous shared memory is mapped at an address: what
// a test asserts about shared memory without asking the library.
//
// 0: none, or nothing. Linux only. Thread-safety: any thread.
#ifndef JOBLIB_TESTS_TESTING_MAPPED_INODE_H_
#define JOBLIB_TESTS_TESTING_MAPPED_INODE_H_

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace joblib::testing {

inline std::int64_t InodeAt(const void* address) {
  std::ifstream maps("/proc/self/maps");
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin = 0, end = 0;
    std::string permissions, offset, device;
    std::int64_t inode = 0;
    char dash = 0;
    words >> std::hex >> begin >> dash >> end >> permissions >> offset >>
        device >> std::dec >> inode;
    if (begin <= at && at < end) return inode;
  }
  return 0;
}

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_TESTING_MAPPED_INODE_H_
