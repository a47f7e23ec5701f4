// A page's console and node's stderr are lines of text: nothing can be drawn
// over.

#include "native/terminal.h"

namespace joblib::native {

bool StderrIsTerminal() { return false; }

std::optional<int> StderrWidth() { return std::nullopt; }

}  // namespace joblib::native
