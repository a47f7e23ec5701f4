// The text of tools/examples/digits_forest/forest.h, embedded at build time:
// a test under node has no runfiles.
#ifndef TESTS_EXAMPLES_FOREST_HEADER_TEXT_H_
#define TESTS_EXAMPLES_FOREST_HEADER_TEXT_H_

#include <string_view>

namespace forest {

std::string_view ForestHeaderText();

}  // namespace forest

#endif  // TESTS_EXAMPLES_FOREST_HEADER_TEXT_H_
