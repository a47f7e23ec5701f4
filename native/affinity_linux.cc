#include <sched.h>
#include <unistd.h>

#include <climits>
#include <cstddef>
#include <vector>

#include "native/affinity.h"
#include "native/cgroup_quota.h"

namespace joblib::native {
namespace {

constexpr std::size_t kBitsPerWord = sizeof(unsigned long) * CHAR_BIT;

// A mask as the kernel reads and writes it. cpu_set_t has 1024 CPUs; the kernel
// refuses to answer into less than it knows of.
struct KernelMask {
  unsigned long words[kMaxCpus / kBitsPerWord] = {};

  cpu_set_t* get() { return reinterpret_cast<cpu_set_t*>(words); }
  int count() { return CPU_COUNT_S(sizeof(words), get()); }
};

// Of the thread `id`; 0 is the calling one. A process's id is that of its first
// thread.
bool ReadMask(pid_t id, KernelMask& mask) {
  return sched_getaffinity(id, sizeof(mask.words), mask.get()) == 0;
}

CpuSet ToCpuSet(const KernelMask& mask) {
  CpuSet cpus;
  for (std::size_t cpu = 0; cpu < cpus.size(); ++cpu) {
    const unsigned long word = mask.words[cpu / kBitsPerWord];
    if ((word >> (cpu % kBitsPerWord) & 1) != 0) cpus.set(cpu);
  }
  return cpus;
}

KernelMask ToKernelMask(const CpuSet& cpus) {
  KernelMask mask;
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
  KernelMask own = {};
  KernelMask parent = {};
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
  KernelMask mask = {};
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
  KernelMask wanted = process.mask;
  sched_setaffinity(0, sizeof(wanted.words), wanted.get());
}

const std::string& AffinityWarning() { return TheProcessAffinity().warning; }

}  // namespace joblib::native
