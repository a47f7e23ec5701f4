#include "tests/docs/run_block.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "joblib/warnings.h"
#include "native/capture_for_test.h"

namespace joblib::testing {
namespace {

// Whether `printed` is `said`, in which `...` stands for any text.
bool IsWhatIsSaid(std::string_view printed, std::string_view said) {
  bool anywhere = false;
  const std::vector<std::string_view> parts = absl::StrSplit(said, "...");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool last = i + 1 == parts.size();
    // The last piece has to be the end, the others come as early as they can.
    const std::size_t at = last && anywhere && printed.size() >= parts[i].size()
                               ? printed.size() - parts[i].size()
                               : printed.find(parts[i]);
    if (at == std::string_view::npos || (!anywhere && at != 0) ||
        printed.substr(at, parts[i].size()) != parts[i]) {
      return false;
    }
    printed.remove_prefix(at + parts[i].size());
    anywhere = true;
  }
  return printed.empty();
}

}  // namespace

void RunBlock(void (*block)(), const char* said) {
  std::filesystem::current_path(::testing::TempDir());
  native::OutputCapture capture;
  std::string thrown;
  try {
    block();
  } catch (const std::exception& e) {
    thrown = e.what();
  }
  const native::CapturedOutput printed = capture.End();
  set_warning_handler({});
  EXPECT_EQ(thrown, "");
  if (said == nullptr) return;
  const std::string text = absl::StrCat(printed.out, printed.err);
  EXPECT_TRUE(IsWhatIsSaid(absl::StripAsciiWhitespace(text),
                           absl::StripAsciiWhitespace(said)))
      << "It printed\n"
      << text << "where the page says\n"
      << said;
}

}  // namespace joblib::testing
