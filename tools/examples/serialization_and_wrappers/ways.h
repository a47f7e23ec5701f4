// Ways: what can be sent to a worker process, what can't, and the ways out. The
// subject of joblib's example "Serialization of un-picklable objects".
//
//   for (const Way& way : TryAll(100'000)) Print(way);
//
// Thread-safety: TryAll by one thread at a time.
#ifndef TOOLS_EXAMPLES_SERIALIZATION_AND_WRAPPERS_WAYS_H_
#define TOOLS_EXAMPLES_SERIALIZATION_AND_WRAPPERS_WAYS_H_

#include <string>
#include <vector>

namespace serialization_and_wrappers {

struct Way {
  std::string what;    // "a lambda with captures, on loky"
  std::string error;   // Of the library; empty: it went, with right results.
  double seconds = 0;  // Of one call of 8 tasks, its workers running.
};

// n_words: entries of the dictionary that some of the tasks look into.
// Throws std::logic_error if a result is wrong.
std::vector<Way> TryAll(int n_words);

}  // namespace serialization_and_wrappers

#endif  // TOOLS_EXAMPLES_SERIALIZATION_AND_WRAPPERS_WAYS_H_
