// README.md's first program prints what README.md says. It is compiled as it
// stands, and run, by :readme_program.
#include "absl/strings/ascii.h"
#include "gtest/gtest.h"
#include "native/capture_for_test.h"
#include "tests/docs/readme_program.inc"

namespace {

constexpr char kSaid[] =
#include "tests/docs/readme_output.inc"
    ;

TEST(ReadmeTest, TheFirstProgramPrintsWhatItSays) {
  joblib::native::OutputCapture capture;
  EXPECT_EQ(ReadmeMain(), 0);
  const joblib::native::CapturedOutput printed = capture.End();
  // Blanks at the ends don't show on the page.
  EXPECT_EQ(absl::StripAsciiWhitespace(printed.out), kSaid);
  EXPECT_EQ(printed.err, "");
}

}  // namespace
