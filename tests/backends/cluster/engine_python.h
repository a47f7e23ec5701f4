// Tests on real engines: the Python that has them.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_

namespace joblib::testing {

// Sets JOBLIB_PYTHON, unless it is set, to the interpreter of the virtual
// environment that tools/setup.sh makes. Ends the process where there is none.
void UseEnginePython();

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_
