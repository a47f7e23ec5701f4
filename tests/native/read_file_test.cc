#include "native/read_file.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/native/fixture_tree.h"

namespace joblib::native {
namespace {

TEST(ReadSmallFileTest, ReadsAllOfIt) {
  FixtureTree tree;
  for (const std::size_t size : {0, 1, 4096, 100'000}) {
    const std::string text(size, 'x');
    tree.Write("file", text);
    EXPECT_EQ(ReadSmallFile(tree.root() + "/file"), text);
  }
}

TEST(ReadSmallFileTest, NulloptForWhatIsNoFile) {
  FixtureTree tree;
  EXPECT_EQ(ReadSmallFile(tree.root() + "/absent"), std::nullopt);
  EXPECT_EQ(ReadSmallFile(tree.root()), std::nullopt);
  EXPECT_EQ(ReadSmallFile(""), std::nullopt);
}

TEST(ReadSmallFileTest, AHugeFileIsNoSmallFile) {
  FixtureTree tree;
  tree.Write("huge", std::string((16 << 20) + 1, 'x'));
  EXPECT_EQ(ReadSmallFile(tree.root() + "/huge"), std::nullopt);
}

}  // namespace
}  // namespace joblib::native
