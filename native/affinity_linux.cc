#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <climits>
#include <cstddef>
#include <iterator>
#include <vector>

#include "native/affinity.h"
#include "native/cgroup_quota.h"

namespace joblib::native {
namespace {

constexpr std::size_t kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;

// A mask as the kernel reads and writes it. cpu_set_t has 1024 CPUs; the kernel
// refuses to answer into less than it knows of.
struct KernelMask {
  unsigned long words[kMaxCpus / kBitsPerWord];
  std::size_t n_words = 0;  // The rest has no value.

  int count() const {
    int count = 0;
    for (std::size_t i = 0; i < n_words; ++i) count += std::popcount(words[i]);
    return count;
  }
};

// Of the thread `id`; 0 is the calling one. A process's id is that of its first
// thread. Not glibc's function: it clears all of the words at each call.
bool ReadMask(pid_t id, KernelMask& mask) {
  const long bytes =
      syscall(SYS_sched_getaffinity, id, sizeof(mask.words), mask.words);
  if (bytes < 0) return false;
  mask.n_words = static_cast<std::size_t>(bytes) / sizeof(unsigned long);
  return true;
}

CpuSet ToCpuSet(const KernelMask& mask) {
  CpuSet cpus;
  for (std::size_t cpu = 0; cpu < mask.n_words * kBitsPerWord; ++cpu) {
    const unsigned long word = mask.words[cpu / kBitsPerWord];
    if ((word >> (cpu % kBitsPerWord) & 1) != 0) cpus.set(cpu);
  }
  return cpus;
}

KernelMask ToKernelMask(const CpuSet& cpus) {
  KernelMask mask = {.words = {}, .n_words = std::size(mask.words)};
  for (std::size_t cpu = 0; cpu < cpus.size(); ++cpu) {
    if (cpus.test(cpu)) {
      mask.words[cpu / kBitsPerWord] |= 1UL << (cpu % kBitsPerWord);
    }
  }
  return mask;
}

// Recorded before the constructors of the program: later the first thread may
// have pinned itself, and the parent may be gone.
struct LoadTime {
  KernelMask own = {.words = {}};
  KernelMask parent = {.words = {}};
  bool has_own = false;
  bool has_parent = false;
};
constinit LoadTime load_time;

// 101 is the first priority that is not the compiler's own. The first thread is
// asked, not the calling one: a dlopen() may run on any thread.
__attribute__((constructor(101))) void RecordLoadTime() {
  load_time.has_own = ReadMask(getpid(), load_time.own);
  // 0: in another pid namespace. The kernel would take it for ourselves.
  const pid_t parent = getppid();
  load_time.has_parent = parent > 0 && ReadMask(parent, load_time.parent);
}

struct ProcessAffinity {
  bool known = false;
  bool pinned = false;  // By an OpenMP runtime, perhaps.
  CpuSet cpus = {};
  KernelMask mask = {.words = {}};
  int count = 0;
  std::string warning = {};
};

ProcessAffinity FindProcessAffinity() {
  ProcessAffinity affinity;
  if (!load_time.has_own) return affinity;
  AffinityFacts facts = {.pinned_by = PinnedBy(),
                         .own = ToCpuSet(load_time.own)};
  if (facts.pinned_by.has_value()) {
    if (load_time.has_parent) facts.parent = ToCpuSet(load_time.parent);
    if (const auto cpus = ReadCgroupCpus("")) {
      facts.cpuset.emplace();
      for (const int cpu : *cpus) {
        if (cpu < kMaxCpus) facts.cpuset->set(static_cast<std::size_t>(cpu));
      }
    }
  }
  AffinityChoice choice = ChooseAffinity(facts);
  affinity.known = true;
  affinity.pinned = facts.pinned_by.has_value();
  affinity.cpus = choice.mask;
  affinity.mask = ToKernelMask(choice.mask);
  affinity.count = static_cast<int>(choice.mask.count());
  affinity.warning = choice.warning;
  return affinity;
}

// Never destroyed: threads may outlive the static objects.
const ProcessAffinity& TheProcessAffinity() {
  static const auto& affinity = *new ProcessAffinity(FindProcessAffinity());
  return affinity;
}

}  // namespace

std::optional<int> AffinityCount() {
  const ProcessAffinity& process = TheProcessAffinity();
  if (process.known && process.pinned) return process.count;
  KernelMask mask;
  if (!ReadMask(0, mask)) return std::nullopt;
  return mask.count();
}

void UseProcessAffinity() {
  const ProcessAffinity& process = TheProcessAffinity();
  KernelMask mask;
  if (!process.known || !ReadMask(0, mask)) return;
  // A mask that holds all of it stays: the cpuset may have grown since.
  if ((process.cpus & ~ToCpuSet(mask)).none()) return;
  // If it fails, the creator's mask has to do.
  syscall(SYS_sched_setaffinity, 0, sizeof(process.mask.words),
          process.mask.words);
}

bool KeepOffThisCpu(std::uint64_t thread_id) {
  const ProcessAffinity& process = TheProcessAffinity();
  const int cpu = sched_getcpu();
  if (!process.known || cpu < 0) return false;
  CpuSet others = process.cpus;
  others.reset(static_cast<std::size_t>(cpu));
  if (others.none()) return false;
  const KernelMask mask = ToKernelMask(others);
  return syscall(SYS_sched_setaffinity, static_cast<pid_t>(thread_id),
                 sizeof(mask.words), mask.words) == 0;
}

bool BindThreadForTest(int n_cpus) {
  KernelMask mask;
  if (!ReadMask(0, mask) || mask.count() < n_cpus) return false;
  const CpuSet has = ToCpuSet(mask);
  CpuSet cpus;
  for (std::size_t cpu = 0; n_cpus > 0; ++cpu) {
    if (!has.test(cpu)) continue;
    cpus.set(cpu);
    --n_cpus;
  }
  const KernelMask bound = ToKernelMask(cpus);
  return syscall(SYS_sched_setaffinity, 0, sizeof(bound.words), bound.words) ==
         0;
}

const std::string& AffinityWarning() { return TheProcessAffinity().warning; }

}  // namespace joblib::native
