// Which CPUs the library's threads run on, whoever starts them.
//
// A new thread inherits the mask of its creator: a pool would be stuck on the
// one CPU of a caller that pinned itself. Ours get the mask that the process
// started with. Where OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY or
// KMP_AFFINITY is set, an OpenMP runtime may have pinned the main thread before
// main(), even before our constructors: then it is the mask of the parent
// process, or of the cpuset where that cannot be read.
//
// A program that narrows its main thread later (sched_setaffinity in main) does
// not narrow the pool: to bind all of it, bind it from outside (taskset,
// numactl, a cpuset). cpu_count() does follow the calling thread's mask, as in
// joblib.
//
// Thread-safety: all functions. Sources: sched_setaffinity(2), cpuset(7).
#ifndef JOBLIB_NATIVE_AFFINITY_H_
#define JOBLIB_NATIVE_AFFINITY_H_

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>

namespace joblib::native {

// As many as Linux can be configured for on any processor.
inline constexpr int kMaxCpus = 8192;
using CpuSet = std::bitset<kMaxCpus>;

// The CPUs that cpu_count() counts: those of the calling thread or, where an
// OpenMP runtime may have pinned it, of the process. nullopt: no such notion
// here. 0.4 us.
std::optional<int> AffinityCount();

// Gives the calling thread the mask of the process, if its own lacks any CPU of
// it. StartThread does so for each new thread.
void UseProcessAffinity();

// Keeps the sleeping thread `thread_id` (thread.h) off the CPU that the calling
// thread runs on, until it calls UseProcessAffinity() itself. The kernel may
// else wake it right there although other CPUs idle: in a virtual machine one
// that idles looks as if the host had taken it away. False: there is no other
// CPU. 1 to 20 us.
bool KeepOffThisCpu(std::uint64_t thread_id);

// Binds the calling thread to the first `n_cpus` of the CPUs it has. false: it
// has not so many, or this is no notion here.
bool BindThreadForTest(int n_cpus);

// What to tell the user, once, where the mask that an OpenMP runtime left was
// narrower than the one used instead; else empty. Never changes.
const std::string& AffinityWarning();

// The decision behind all this, over values.
struct AffinityFacts {
  // The first of the four variables that asks for pinning, with its value:
  // "OMP_PROC_BIND=true".
  std::optional<std::string> pinned_by = {};
  CpuSet own = {};                    // The main thread's at load time.
  std::optional<CpuSet> parent = {};  // The parent process's.
  std::optional<CpuSet> cpuset = {};  // The cgroup's.
};
struct AffinityChoice {
  CpuSet mask = {};
  std::string warning = {};
};
AffinityChoice ChooseAffinity(const AffinityFacts& facts);

// Of the environment: see AffinityFacts::pinned_by. OMP_PROC_BIND=false pins
// nothing, nor does KMP_AFFINITY=disabled or none.
std::optional<std::string> PinnedBy();

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_AFFINITY_H_
