// The clocks of <chrono>, which cannot fail here. A definition of the program's
// own keeps the linker from taking libc++'s: the exception that those may throw
// brings printf and the names of all errors along, 12 kB.
#include <chrono>
#include <ctime>

_LIBCPP_BEGIN_NAMESPACE_STD
namespace chrono {
namespace {

nanoseconds Read(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return seconds(time.tv_sec) + nanoseconds(time.tv_nsec);
}

}  // namespace

const bool steady_clock::is_steady;
steady_clock::time_point steady_clock::now() noexcept {
  return time_point(Read(CLOCK_MONOTONIC));
}

const bool system_clock::is_steady;
system_clock::time_point system_clock::now() noexcept {
  return time_point(duration_cast<duration>(Read(CLOCK_REALTIME)));
}
time_t system_clock::to_time_t(const time_point& time) noexcept {
  return duration_cast<seconds>(time.time_since_epoch()).count();
}
system_clock::time_point system_clock::from_time_t(time_t time) noexcept {
  return time_point(seconds(time));
}

}  // namespace chrono
_LIBCPP_END_NAMESPACE_STD
