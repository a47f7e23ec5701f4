// RecentLimits: the limits that are read from files, at most a second old.
//
//   constinit RecentLimits recent(&ReadLimits, &SteadyNanoseconds);
//   ProcessorLimits limits = recent.Get();  // 30 ns, or what ReadLimits takes.
//
// Thread-safety: any thread may call Get, in the child of a fork() too: nothing
// is locked. The file reading of one thread holds up no other, except before
// the first result: threads that meet there each read for themselves.
#ifndef JOBLIB_NATIVE_RECENT_LIMITS_H_
#define JOBLIB_NATIVE_RECENT_LIMITS_H_

#include <atomic>
#include <cstdint>
#include <limits>

namespace joblib::native {

struct ProcessorLimits {
  std::int32_t os_cpu_count = 0;  // 0: unknown.
  std::int32_t cgroup_limit = 0;  // 0: none.
};

class RecentLimits {
 public:
  using Reader = ProcessorLimits (*)();
  using Clock = std::int64_t (*)();  // Nanoseconds; never goes back.

  // A quota changes when an administrator or an orchestrator says so: minutes
  // apart. 14 us per file make 0.02 % of a CPU at this age.
  static constexpr std::int64_t kMaxAgeNs = 1'000'000'000;

  constexpr RecentLimits(Reader read, Clock now) : read_(read), now_(now) {}

  ProcessorLimits Get() {
    const std::int64_t now = now_();
    const std::uint64_t known = known_.load(std::memory_order_relaxed);
    std::int64_t next_read = next_read_.load(std::memory_order_relaxed);
    if (known != kNothing) {
      if (now < next_read) return Unpack(known);
      // One of those who find it old reads; the others do with the old one.
      // Relaxed: each word is all that a thread needs of it.
      if (!next_read_.compare_exchange_strong(next_read, now + kMaxAgeNs,
                                              std::memory_order_relaxed)) {
        return Unpack(known);
      }
    } else {
      next_read_.store(now + kMaxAgeNs, std::memory_order_relaxed);
    }
    const ProcessorLimits limits = read_();
    known_.store(Pack(limits), std::memory_order_relaxed);
    return limits;
  }

 private:
  static constexpr std::uint64_t kNothing =
      std::numeric_limits<std::uint64_t>::max();

  static std::uint64_t Pack(ProcessorLimits limits) {
    return static_cast<std::uint64_t>(limits.os_cpu_count) << 32 |
           static_cast<std::uint32_t>(limits.cgroup_limit);
  }
  static ProcessorLimits Unpack(std::uint64_t known) {
    return {.os_cpu_count = static_cast<std::int32_t>(known >> 32),
            .cgroup_limit = static_cast<std::int32_t>(known)};
  }

  const Reader read_;
  const Clock now_;
  std::atomic<std::int64_t> next_read_ = 0;
  std::atomic<std::uint64_t> known_ = kNothing;
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_RECENT_LIMITS_H_
