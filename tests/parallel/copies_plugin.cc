// A library that uses joblib and brings a copy of its own, hidden: what the
// program has configured holds in it all the same.
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "joblib/joblib.h"

namespace {

using joblib::delayed;
using joblib::each;
using joblib::Parallel;
using joblib::range;

struct PluginError : std::runtime_error {
  using std::runtime_error::runtime_error;
};
[[maybe_unused]] const bool registered = [] {
  joblib::register_exception<PluginError>();
  return true;
}();

// It is the caller's until the next call.
const char* Kept(std::string text) {
  static std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

long Pid(int) { return getpid(); }
bool IsOnAnotherThread(const std::thread::id& caller) {
  return std::this_thread::get_id() != caller;
}

}  // namespace

extern "C" {

// Of a bare Parallel().
int PluginNJobs() { return joblib::effective_n_jobs(joblib::none); }

// Adds the pids of the workers of a bare Parallel().
void PluginPids(std::set<long>* pids) {
  for (const long pid :
       Parallel()(each(range(50), [](int i) { return delayed(Pid)(i); }))) {
    pids->insert(pid);
  }
}

// How a bare Parallel() fails.
const char* PluginFailure() {
  try {
    Parallel()(each(range(2), [](int) {
      return delayed([]() -> int { throw PluginError("of the plugin"); })();
    }));
  } catch (const PluginError& error) {
    return Kept(std::string("PluginError ") + error.what());
  } catch (const std::exception& error) {
    return Kept(std::string("another ") + error.what());
  }
  return "none";
}

const char* PluginUses(const char* backend) {
  try {
    Parallel({.n_jobs = 2, .backend = backend})(
        each(range(2), [](int i) { return delayed(Pid)(i); }));
  } catch (const std::exception& error) {
    return Kept(error.what());
  }
  return "";
}

// In a task of the program's: what a bare Parallel() there uses.
int PluginThreadsOfANestedCall() {
  int others = 0;
  const std::thread::id caller = std::this_thread::get_id();
  for (const bool other :
       Parallel({.n_jobs = 2, .batch_size = 1})(each(range(20), [&](int) {
         return delayed([caller] { return IsOnAnotherThread(caller); })();
       }))) {
    if (other) ++others;
  }
  return others;
}

void PluginShutdown() { joblib::shutdown(); }

}  // extern "C"
