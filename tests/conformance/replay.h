// What the replays of all tables share: finding a table, a test for each of its
// cases, exclusions and departures, counting, comparing texts.
//
//   void Replay(const Case& c) { EXPECT_EQ(Run(c.scenario), c.expect); }
//
//   int main(int argc, char** argv) {
//     testing::InitGoogleTest(&argc, argv);
//     RegisterReplay({.table = "functions.json",
//                     .replay = Replay,
//                     .committed = {.native = 52, .wasm = 52,
//                                   .wasm_threads = 52}});
//     return RUN_ALL_TESTS();
//   }
//
// JOBLIB_CONFORMANCE_DIR=folder replays that folder's tables of the same names
// instead of ours: other ids, no committed number, the same rules.

#ifndef JOBLIB_TESTS_CONFORMANCE_REPLAY_H_
#define JOBLIB_TESTS_CONFORMANCE_REPLAY_H_

#include <functional>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/conformance/case.h"
#include "tests/conformance/json.h"

namespace joblib::conformance {

// How many cases of a table are replayed on each target.
struct CommittedCounts {
  int native = 0;
  int wasm = 0;
  int wasm_threads = 0;
};

struct ReplayOptions {
  std::string table;  // "functions.json"
  // Replays one case; GoogleTest's assertions or an exception make it fail, and
  // one that it skips is not counted.
  std::function<void(const Case&)> replay;
  CommittedCounts committed;
};

// Registers the tests of `options.table`, before RUN_ALL_TESTS: one for each
// case, named by its id, in the suite named after the table; one for each
// exclusion of that table, in the suite "functions.excluded", which fails when
// its rule applies to no case or all its cases pass by now; the same for a
// departure that applies to none. A table that cannot be read, or is empty, is
// a test that fails. At the end the number of replayed cases is printed, and
// must be the committed one unless a filter or shard chose some.
void RegisterReplay(ReplayOptions options);

// Whether `message` is right for joblib's `error` ({type, message}): it begins
// with joblib's message, see MatchesText. A message that Python itself wrote is
// not compared: the type, which is the caller's to check, must do.
::testing::AssertionResult MatchesMessage(const Json& error,
                                          std::string_view message);

// Whether `text` is `expected` with values in place of the tables' <T> (a time
// with the blanks before it), <N>, <PID>, <ADDR>, <HEX32>; and, where
// `may_go_on`, with more after it. The repr of a Python object,
// <joblib._parallel_backends.LokyBackend object at <ADDR>>, stands for the name
// of its class, LokyBackend.
::testing::AssertionResult MatchesText(std::string_view expected,
                                       std::string_view text,
                                       bool may_go_on = false);

}  // namespace joblib::conformance

#endif  // JOBLIB_TESTS_CONFORMANCE_REPLAY_H_
