#include "joblib/backends/process/temp_folder.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace joblib::internal {
namespace {

using ::testing::ElementsAre;

class TempFolderTest : public ::testing::Test {
 protected:
  std::vector<std::string> Folders(const std::string& argument,
                                   std::optional<std::uint64_t> free_in_shm) {
    return TempFolders(
        argument,
        [this](const char* name) -> std::optional<std::string> {
          const auto found = environment_.find(name);
          if (found == environment_.end()) return std::nullopt;
          return found->second;
        },
        free_in_shm);
  }
  std::map<std::string, std::string> environment_;
};

constexpr std::uint64_t kEnough = 2'000'000'001;

TEST_F(TempFolderTest, TheArgumentGoesFirst) {
  environment_ = {{"JOBLIB_TEMP_FOLDER", "/env"}, {"TMPDIR", "/tmpdir"}};
  EXPECT_THAT(Folders("/argument", kEnough),
              ElementsAre("/argument", "/dev/shm", "/tmpdir", "/tmp"));
  EXPECT_THAT(Folders("", kEnough),
              ElementsAre("/env", "/dev/shm", "/tmpdir", "/tmp"));
}

TEST_F(TempFolderTest, SharedMemoryNeedsMoreThanTwoGigabytes) {
  EXPECT_THAT(Folders("", kEnough), ElementsAre("/dev/shm", "/tmp"));
  EXPECT_THAT(Folders("", kEnough - 1), ElementsAre("/tmp"));
  EXPECT_THAT(Folders("", std::nullopt), ElementsAre("/tmp"));
}

TEST_F(TempFolderTest, TheSystemsVariablesComeInTheirOrder) {
  environment_ = {{"TMP", "/c"}, {"TEMP", "/b"}, {"TMPDIR", "/a"}};
  EXPECT_THAT(Folders("", 0), ElementsAre("/a", "/b", "/c", "/tmp"));
  environment_["TEMP"] = "/a";
  environment_["TMP"] = "";
  EXPECT_THAT(Folders("", 0), ElementsAre("/a", "/tmp"));
}

TEST_F(TempFolderTest, ATildeIsTheHome) {
  environment_ = {{"HOME", "/home/me"}};
  EXPECT_THAT(Folders("~/x", 0), ElementsAre("/home/me/x", "/tmp"));
  EXPECT_THAT(Folders("~", 0), ElementsAre("/home/me", "/tmp"));
  EXPECT_THAT(Folders("~you", 0), ElementsAre("~you", "/tmp"));
}

}  // namespace
}  // namespace joblib::internal
