// Watchdog: says on stderr what each worker process is at, where none has moved
// for as many seconds as JOBLIB_WATCHDOG says; off without it.
//
//   joblib[4710] 35.120 s: no worker process has moved for 30 s:
//     4711: has been at request 57 since, 3 wait for it
//     4712: sleeps, 96 bytes of its results are not read
//
// Requests are counted for each worker: tasks, and what they need before.
//
// Thread-safety: none.
#ifndef JOBLIB_BACKENDS_PROCESS_WATCHDOG_H_
#define JOBLIB_BACKENDS_PROCESS_WATCHDOG_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>

#include "joblib/backends/process/channel.h"

namespace joblib::internal {

class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;

  // Reads the variable.
  Watchdog();
  explicit Watchdog(std::optional<Clock::duration> limit) : limit_(limit) {}
  bool is_on() const { return limit_.has_value(); }

  // One look at all workers: Begin, See for each, End, which returns when to
  // look next.
  void Begin();
  void See(std::int64_t pid, const ChannelHeader& header);
  Clock::time_point End(Clock::time_point now);

 private:
  struct State {
    std::uint64_t claim;
    std::uint32_t head, tail, running;
    friend bool operator==(const State&, const State&) = default;
    bool is_idle() const {
      return (claim & kAsleep) != 0 && UnclaimedOf(claim) == 0 && head == tail;
    }
  };
  void Say(Clock::duration still) const;

  std::optional<Clock::duration> limit_;
  std::map<std::int64_t, State> last_, now_;  // By process.
  std::optional<Clock::time_point> still_since_, said_;
};

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_PROCESS_WATCHDOG_H_
