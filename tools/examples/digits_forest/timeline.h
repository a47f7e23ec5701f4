// A picture of a forest's growth: which worker grew which tree, and when.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_TIMELINE_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_TIMELINE_H_

#include <string>
#include <vector>

#include "tools/examples/digits_forest/forest.h"

namespace digits {

// An SVG document of its own, readable on white and on black: a lane for each
// worker, a bar for each tree with its times as a tooltip, milliseconds below.
// Requires a growth.
std::string TimelineSvg(const std::vector<forest::Growth>& growths);

}  // namespace digits

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_TIMELINE_H_
