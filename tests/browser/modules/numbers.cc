// The functions that the browser tests call: what passes between a page and
// C++, and what joblib does in between.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "joblib/joblib.h"
#include "wasm/bindings/module.h"

namespace {

double Add(double a, double b) { return a + b; }

std::vector<double> Halve(std::vector<double> values) {
  for (double& value : values) value /= 2;
  return values;
}

struct Everything {
  bool yes = false;
  int count = 7;
  std::uint8_t small = 0;
  std::string text = "unset";
  std::optional<double> maybe;
  std::vector<std::string> words;
  std::vector<std::uint8_t> bytes;

  template <class Field>
  void fields(Field& field) {
    field("yes", yes);
    field("count", count);
    field("small", small);
    field("text", text);
    field("maybe", maybe);
    field("words", words);
    field("bytes", bytes);
  }
};

Everything Echo(const Everything& everything) { return everything; }

void Throw(const std::string& kind) {
  if (kind == "out_of_range") throw std::out_of_range("nothing there");
  if (kind == "int") throw 42;
  if (kind == "trap") __builtin_trap();
  throw std::invalid_argument("kind is " + kind);
}

int Square(int x) { return x * x; }

// In parallel, as the call's options say.
std::vector<std::int32_t> Squares(int n) {
  return joblib::Parallel()(joblib::each(
      joblib::range(n), [](int i) { return joblib::delayed(Square)(i); }));
}

int WorkFor(double milliseconds) {
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::duration<double, std::milli>(milliseconds);
  while (std::chrono::steady_clock::now() < end) {
  }
  return joblib::worker_index();
}

struct Load {
  int tasks = 0;
  double milliseconds = 1;

  template <class Field>
  void fields(Field& field) {
    field("tasks", tasks);
    field("milliseconds", milliseconds);
  }
};

// Busy for so long; returns how many workers took part.
int Busy(const Load& load) {
  joblib::Parallel parallel({.progress = joblib::wasm::progress(),
                             .stop_token = joblib::wasm::stop_token()});
  std::set<int> workers;
  for (const int worker :
       parallel(joblib::each(joblib::range(load.tasks), [&load](int) {
         return joblib::delayed(WorkFor)(load.milliseconds);
       }))) {
    workers.insert(worker);
  }
  return static_cast<int>(workers.size());
}

int Inner(int n) {
  joblib::Parallel parallel({.n_jobs = n, .backend = "threading"});
  int sum = 0;
  for (const int square : parallel(joblib::each(joblib::range(n), [](int i) {
         return joblib::delayed(Square)(i);
       }))) {
    sum += square;
  }
  return sum;
}

// Calls in calls in calls, each of which asks for `n` threads.
int Nested(int n) {
  joblib::Parallel parallel({.n_jobs = n,
                             .backend = "threading",
                             .progress = [](const joblib::Progress&) {}});
  int sum = 0;
  for (const int inner : parallel(joblib::each(
           joblib::range(n), [n](int) { return joblib::delayed(Inner)(n); }))) {
    sum += inner;
  }
  return sum;
}

int CpuCount() { return joblib::cpu_count(); }

int EffectiveNJobs() { return joblib::effective_n_jobs(joblib::none); }

}  // namespace

EMSCRIPTEN_BINDINGS(numbers) {
  joblib::wasm::function("add", &Add);
  joblib::wasm::function("halve", &Halve);
  joblib::wasm::function("echo", &Echo);
  joblib::wasm::function("throw", &Throw);
  joblib::wasm::function("squares", &Squares);
  joblib::wasm::function("busy", &Busy);
  joblib::wasm::function("nested", &Nested);
  joblib::wasm::function("cpuCount", &CpuCount);
  joblib::wasm::function("effectiveNJobs", &EffectiveNJobs);
}
