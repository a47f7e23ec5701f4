// A library of somebody else's: it calls Parallel, and neither names a backend
// nor lets its caller name one.
#ifndef JOBLIB_TESTS_DOCS_NEGATE_LIBRARY_H_
#define JOBLIB_TESTS_DOCS_NEGATE_LIBRARY_H_

#include <vector>

std::vector<int> NegativesUpTo(int n);

#endif  // JOBLIB_TESTS_DOCS_NEGATE_LIBRARY_H_
