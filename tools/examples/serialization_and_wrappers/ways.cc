#include "tools/examples/serialization_and_wrappers/ways.h"

#include <chrono>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "joblib/joblib.h"

namespace serialization_and_wrappers {
namespace {

using joblib::delayed;
using joblib::each;
using joblib::range;

constexpr int kTasks = 8;
constexpr int kFactor = 3;

int Triple(int x) { return kFactor * x; }

// Nothing says how it is to be written.
struct Plain {
  int factor = kFactor;
  std::string name = "plain";
  int operator()(int x) const { return factor * x; }
};

// The same, with cereal's member.
struct Serializable {
  int factor = kFactor;
  std::string name = "serializable";
  int operator()(int x) const { return factor * x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(factor, name);
  }
};

using Dictionary = std::map<int, int>;
int LookUp(const Dictionary& dictionary, int x) { return dictionary.at(x); }
int LookUpShared(const joblib::Shared<Dictionary>& dictionary, int x) {
  return dictionary->at(x);
}

// One way: `make_task(i)` is a delayed call whose result is 3 i.
template <class MakeTask>
Way Try(std::string what, const std::string& backend, MakeTask make_task) {
  Way way;
  way.what = std::move(what) + ", on " + backend;
  joblib::Parallel parallel({.n_jobs = 2, .backend = backend});
  parallel.map(Triple, range(2));  // Its workers are there.
  const auto start = std::chrono::steady_clock::now();
  try {
    const std::vector<int> results = parallel(each(range(kTasks), make_task));
    for (int i = 0; i < kTasks; ++i) {
      if (results[i] != kFactor * i) throw std::logic_error(way.what);
    }
  } catch (const joblib::PicklingError& error) {
    way.error = error.what();
  }
  way.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return way;
}

}  // namespace

std::vector<Way> TryAll(int n_words) {
  std::vector<Way> ways;
  ways.push_back(
      Try("a function", "loky", [](int i) { return delayed(Triple)(i); }));

  int factor = kFactor;  // Not constant: the lambda has to capture it.
  const auto closure = [factor](int x) { return factor * x; };
  const auto call_closure = [&](int i) { return delayed(closure)(i); };
  ways.push_back(Try("a lambda with captures", "loky", call_closure));
  const auto wrapped = joblib::wrap_non_picklable_objects(closure);
  ways.push_back(Try("the same, wrapped", "loky",
                     [&](int i) { return delayed(wrapped)(i); }));
  ways.push_back(Try("the same, forked", "multiprocessing", call_closure));
  ways.push_back(Try("the same, shared", "threading", call_closure));

  ways.push_back(Try("an object without a serializer", "loky",
                     [](int i) { return delayed(Plain())(i); }));
  ways.push_back(Try("the same with one", "loky",
                     [](int i) { return delayed(Serializable())(i); }));

  Dictionary words;
  for (int i = 0; i < n_words; ++i) words[i] = kFactor * i;
  ways.push_back(Try("a large map in each task", "loky",
                     [&](int i) { return delayed(LookUp)(words, i); }));
  const joblib::Shared<Dictionary> shared(words);
  ways.push_back(Try("the same, once for each worker", "loky",
                     [&](int i) { return delayed(LookUpShared)(shared, i); }));
  return ways;
}

}  // namespace serialization_and_wrappers
