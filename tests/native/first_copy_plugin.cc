// A module with a table of its own, of the version that FIRST_COPY_VERSION is.
#include <string>

#include "native/first_copy.h"

extern "C" {
extern const int first_copy_test_table;
__attribute__((used)) const int first_copy_test_table = 2;

const char* FirstCopyInThePlugin(const void** found) {
  static std::string error;
  const auto first = joblib::native::FirstCopy(
      "joblib.first_copy_test", &first_copy_test_table, FIRST_COPY_VERSION);
  *found = first.ok() ? *first : nullptr;
  error = first.status().message();
  return error.c_str();
}
}

JOBLIB_COPY_NOTE("joblib.first_copy_test", "first_copy_test_table",
                 FIRST_COPY_VERSION)
