#include "tests/parallel/stress_plan.h"

#include <algorithm>
#include <sstream>

namespace joblib::testing {

std::string Plan::ToString() const {
  std::ostringstream text;
  text << "kind " << static_cast<int>(kind) << " how " << static_cast<int>(how)
       << " n_jobs " << n_jobs << " n_tasks " << n_tasks << " batch_size "
       << batch_size << " pre_dispatch " << pre_dispatch << " tells_length "
       << tells_length << " caller_runs " << caller_runs << " progress "
       << progress << " text_results " << text_results << " task_throws "
       << task_throws << " input_throws " << input_throws << " callback_throws "
       << callback_throws << " stops " << stops << " hangs " << hangs
       << " taken " << taken << " nesting " << nesting;
  return text.str();
}

Plan RandomPlan(Dice& dice) {
  Plan plan;
  plan.kind = dice.Of({Kind::kSequential, Kind::kThreading, Kind::kThreading,
                       Kind::kThreading, Kind::kThreading,
                       Kind::kThreadPerBatch, Kind::kInline});
  plan.how = dice.Of({How::kList, How::kList, How::kCollect, How::kOrdered,
                      How::kUnordered, How::kDropped});
  plan.n_jobs = dice.Of({1, 2, 2, 3, 4, 8});
  plan.n_tasks = dice.Below(dice.Of({4, 50, 50, 1000}));
  if (plan.kind == Kind::kThreadPerBatch) {
    plan.n_tasks = std::min(plan.n_tasks, 100);
  }
  if (dice.OneIn(2)) plan.batch_size = 1 + dice.Below(dice.Of({1, 5, 100}));
  plan.pre_dispatch = dice.Of<const char*>(
      {"2 * n_jobs", "2 * n_jobs", "all", "1", "n_jobs", "17", "64"});
  if (plan.kind == Kind::kThreadPerBatch && plan.pre_dispatch == "all") {
    plan.pre_dispatch = "4";
  }
  plan.tells_length = dice.OneIn(2);
  plan.caller_runs = !dice.OneIn(4);
  plan.progress = dice.OneIn(4);
  plan.text_results = dice.OneIn(2);
  const int some_task = dice.Below(plan.n_tasks + 1);
  switch (dice.Below(10)) {
    case 0:
    case 1:
      plan.task_throws = some_task;
      break;
    case 2:
      plan.input_throws = some_task;
      break;
    case 3:
      plan.stops = some_task;
      break;
    case 4:
      plan.progress = true;
      plan.callback_throws = some_task;
      break;
    case 5:
      plan.task_throws = some_task;
      plan.input_throws = dice.Below(plan.n_tasks + 1);
      plan.stops = dice.Below(plan.n_tasks + 1);
      break;
    case 6:
      if (plan.concurrent() && plan.n_tasks > 0) {
        plan.hangs = dice.Below(plan.n_tasks);
      }
      break;
    default:
      break;
  }
  plan.taken = dice.Below(plan.n_tasks + 1);
  plan.nesting = dice.OneIn(5) ? 1 + dice.Below(2) : 0;
  plan.flavour = dice.Any();
  return plan;
}

}  // namespace joblib::testing
