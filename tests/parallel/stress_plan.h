// What one random call of stress_test is to be.
#ifndef JOBLIB_TESTS_PARALLEL_STRESS_PLAN_H_
#define JOBLIB_TESTS_PARALLEL_STRESS_PLAN_H_

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

namespace joblib::testing {

enum class Kind { kSequential, kThreading, kThreadPerBatch, kInline };
enum class How { kList, kCollect, kOrdered, kUnordered, kDropped };

// What one call is to be. -1: not.
struct Plan {
  Kind kind = Kind::kThreading;
  How how = How::kList;
  int n_jobs = 2;
  int n_tasks = 10;
  int batch_size = -1;
  std::string pre_dispatch = "2 * n_jobs";
  bool tells_length = true;
  bool caller_runs = true;
  bool progress = false;
  bool text_results = false;
  int task_throws = -1;
  int input_throws = -1;
  int callback_throws = -1;
  int stops = -1;
  int hangs = -1;  // With a timeout.
  int taken = 0;   // Results, before a generator is dropped.
  int nesting = 0;
  std::uint64_t flavour = 0;  // Of the tasks' lengths.

  bool plain_loop() const { return kind == Kind::kSequential || n_jobs == 1; }
  bool concurrent() const { return !plain_loop() && kind != Kind::kInline; }
  std::string ToString() const;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int Below(int n) { return static_cast<int>(engine_() % n); }
  bool OneIn(int n) { return Below(n) == 0; }
  template <class T>
  T Of(std::initializer_list<T> values) {
    return *(values.begin() + Below(static_cast<int>(values.size())));
  }
  std::uint64_t Any() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

Plan RandomPlan(Dice& dice);

}  // namespace joblib::testing

#endif  // JOBLIB_TESTS_PARALLEL_STRESS_PLAN_H_
