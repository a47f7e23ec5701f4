// EngineHome: where tests find the engines, and where these write.
#ifndef JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_
#define JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_

#include <string>

namespace joblib::testing {

// First in main(). JOBLIB_PYTHON, unless it is set, becomes the Python of the
// virtual environment that tools/setup.sh makes; ends the program with what to
// do where there is none. What the engines and their workers write lies in the
// test's own folder. A Ray that the test starts itself knows it by a short name
// (its sockets' paths have a limit), for as long as this object lives.
class EngineHome {
 public:
  EngineHome();
  EngineHome(const EngineHome&) = delete;
  ~EngineHome();

 private:
  std::string ray_folder_;
  int descriptor_ = -1;  // Of that; -1: it is another process's.
};

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_BACKENDS_CLUSTER_ENGINE_PYTHON_H_
