#include "joblib/backends/process/watchdog.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "joblib/backends/process/pool_log.h"
#include "native/environment.h"

namespace joblib::internal {
namespace {

constexpr double kMaxSeconds = 1e6;

std::optional<Watchdog::Clock::duration> LimitOfEnvironment() {
  const std::string text = native::GetEnv("JOBLIB_WATCHDOG").value_or("0");
  double seconds;
  if (!absl::SimpleAtod(text, &seconds) || !(seconds >= 0) ||
      seconds > kMaxSeconds) {
    std::fprintf(stderr,
                 "joblib: JOBLIB_WATCHDOG=%s is no number of seconds: there "
                 "is no watchdog\n",
                 text.c_str());
    return std::nullopt;
  }
  if (seconds == 0) return std::nullopt;
  return std::chrono::duration_cast<Watchdog::Clock::duration>(
      std::chrono::duration<double>(seconds));
}

}  // namespace

Watchdog::Watchdog() : limit_(LimitOfEnvironment()) {}

void Watchdog::Begin() { now_.clear(); }

void Watchdog::See(std::int64_t pid, const ChannelHeader& header) {
  now_[pid] = {header.claim.load(), header.head.load(), header.tail.load(),
               header.running.load()};
}

Watchdog::Clock::time_point Watchdog::End(Clock::time_point now) {
  const bool all_idle =
      std::all_of(now_.begin(), now_.end(),
                  [](const auto& worker) { return worker.second.is_idle(); });
  if (all_idle || now_ != last_) {
    still_since_ = said_ = now;
  } else if (now - *said_ >= *limit_) {
    said_ = now;
    Say(now - *still_since_);
  }
  last_ = now_;
  return now + std::clamp<Clock::duration>(*limit_ / 4,
                                           std::chrono::milliseconds(10),
                                           std::chrono::seconds(1));
}

void Watchdog::Say(Clock::duration still) const {
  std::string text = absl::StrCat(
      "no worker process has moved for ",
      std::chrono::duration_cast<std::chrono::seconds>(still).count(), " s:");
  for (const auto& [pid, state] : now_) {
    absl::StrAppend(&text, "\n  ", pid, ": ");
    if ((state.claim & kAsleep) != 0) {
      absl::StrAppend(&text, "sleeps");
    } else {
      absl::StrAppend(&text, "has been at request ", state.running, " since");
    }
    if (const std::uint32_t waiting = UnclaimedOf(state.claim); waiting > 0) {
      absl::StrAppend(&text, ", ", waiting, " wait for it");
    }
    if (const std::uint32_t unread = state.head - state.tail; unread > 0) {
      absl::StrAppend(&text, ", ", unread,
                      " bytes of its results are not read");
    }
  }
  WritePoolLog(text);
}

}  // namespace joblib::internal
