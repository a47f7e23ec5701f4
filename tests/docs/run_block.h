// Runs a code block of a page, for the tests that blocks.py makes.
#ifndef JOBLIB_TESTS_DOCS_RUN_BLOCK_H_
#define JOBLIB_TESTS_DOCS_RUN_BLOCK_H_

namespace joblib::testing {

// Fails the test if `block` throws or, where the page says what it prints
// (`said` is not null), prints something else. Its files go to a folder of the
// test's; warning handler and registered backends are what a fresh program has.
void RunBlock(void (*block)(), const char* said);

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_DOCS_RUN_BLOCK_H_
