// What a program prints, for tests: on WebAssembly under node too, where dup2
// is not what GoogleTest's own capture takes it for.
//
//   OutputCapture capture;
//   std::puts("a");
//   EXPECT_EQ(capture.End().out, "a\n");
#ifndef JOBLIB_NATIVE_CAPTURE_FOR_TEST_H_
#define JOBLIB_NATIVE_CAPTURE_FOR_TEST_H_

#include <string>

namespace joblib::native {

struct CapturedOutput {
  std::string out;
  std::string err;
};

// Takes what is written to stdout and stderr from here on. One at a time.
class OutputCapture {
 public:
  OutputCapture();
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;
  ~OutputCapture();  // Drops what it took, unless it ended before.

  // Everything that was written; both streams are the program's again.
  CapturedOutput End();

 private:
  bool ended_ = false;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_CAPTURE_FOR_TEST_H_
