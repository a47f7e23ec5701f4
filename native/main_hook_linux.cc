#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "native/code_address.h"
#include "native/descriptor.h"
#include "native/main_hook.h"
#include "native/program_slot.h"
#include "native/spawn.h"

namespace joblib::native {
namespace {

using Main = int (*)(int, char**, char**);

// version,channel,socket,bells,nonce,module[,entry]; where a stranger started
// the worker, bells are 0 (no descriptor that could be inherited) and its
// socket for descriptors stands in the nonce's place. The entry is an address
// in the worker, for a hook of another module: see LookEarly.
constexpr std::string_view kMarker = "JOBLIB_WORKER=";
constexpr std::uint64_t kVersion = 1;
// Its value is a whole entry, "LD_PRELOAD=..." or nothing: put in the place of
// LD_PRELOAD's own as it stands.
constexpr std::string_view kPreloadWas = "JOBLIB_LD_PRELOAD_WAS=";
constexpr std::string_view kPreload = "LD_PRELOAD=";

constexpr int kExitNoWorker = 3;

// Constant-initialized, all of it: constructors of other files come first.
struct Start {
  std::atomic<bool> looked{false};
  bool is_worker = false;
  std::uint64_t module = 0;  // Whose copy of this code serves.
  std::uint64_t entry = 0;   // How to reach it; 0: by its own hook.
  pid_t pid = 0;             // 0: a stranger started it.
  WorkerStart descriptors;
};
constinit Start start_state;
constinit std::atomic<bool> hook_reached{false};
constinit std::atomic<bool> main_has_begun{false};
constinit std::atomic<WorkerMain> worker_main{nullptr};
constinit Main program_main = nullptr;
// What was called in place of ours, where the program's call was redirected.
constinit std::atomic<std::uintptr_t> start_behind_ours{0};

bool IsSecure() { return getauxval(AT_SECURE) != 0; }

// Not getenv: sanitizers intercept it, and here they may not be ready.
char** FindEntry(std::string_view name_and_equals) {
  if (environ == nullptr) return nullptr;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, name_and_equals.data(), name_and_equals.size()) ==
        0) {
      return entry;
    }
  }
  return nullptr;
}

void RemoveEntry(char** entry) {
  for (; *entry != nullptr; ++entry) entry[0] = entry[1];
}

bool ReadNumber(const char*& at, std::uint64_t& number) {
  char* end = nullptr;
  number = std::strtoull(at, &end, 10);
  if (end == at || (*end != ',' && *end != '\0')) return false;
  at = *end == ',' ? end + 1 : end;
  return true;
}

bool IsOpen(int fd) { return fd > 2 && fcntl(fd, F_GETFD) >= 0; }

bool IsSocket(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

// A marker that some program passed on by mistake names descriptors that are
// not there.
bool ParseMarker(const char* value, Start& start) {
  std::uint64_t version, channel, socket, bells, nonce, module;
  if (!ReadNumber(value, version) || version != kVersion ||
      !ReadNumber(value, channel) || !ReadNumber(value, socket) ||
      !ReadNumber(value, bells) || !ReadNumber(value, nonce) ||
      !ReadNumber(value, module) ||
      (*value != '\0' && !ReadNumber(value, start.entry)) || *value != '\0') {
    return false;
  }
  start.descriptors = {.channel = static_cast<int>(channel),
                       .socket = static_cast<int>(socket),
                       .bells = bells == 0 ? -1 : static_cast<int>(bells),
                       .descriptors = bells == 0 ? static_cast<int>(nonce) : -1,
                       .nonce = bells == 0 ? 0 : nonce};
  start.module = module;
  return IsOpen(start.descriptors.channel) &&
         (bells == 0 ? IsOpen(start.descriptors.descriptors)
                     : IsOpen(start.descriptors.bells)) &&
         IsOpen(start.descriptors.socket) && IsSocket(start.descriptors.socket);
}

// A constructor's child inherits marker and descriptors.
bool IsThatProcess(const Start& start) {
  return start.pid == 0 || start.pid == getpid();
}

// The first look is taken by a constructor (of a library) or the hook (of the
// program), before there is a second thread.
const Start& LookAtMarker() {
  if (start_state.looked.load(std::memory_order_acquire)) return start_state;
  char** const entry = FindEntry(kMarker);
  if (char** const pid = FindEntry(kChildPid)) {
    start_state.pid = std::atoi(*pid + std::string_view(kChildPid).size());
  }
  start_state.is_worker = entry != nullptr && !IsSecure() &&
                          IsThatProcess(start_state) &&
                          ParseMarker(*entry + kMarker.size(), start_state);
  start_state.looked.store(true, std::memory_order_release);
  return start_state;
}

std::uint64_t OurModule() {
  const absl::StatusOr<CodeAddress> here =
      LocateCode(reinterpret_cast<const void*>(&OurModule));
  return here.ok() ? here->module : 0;
}

void MakeCloseOnExec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }

// Before the program's constructors: what they start is no worker, holds none
// of our descriptors and preloads nothing of ours.
void PrepareWorker() {
  const bool is_worker = LookAtMarker().is_worker;
  if (char** const pid = FindEntry(kChildPid)) RemoveEntry(pid);
  if (!is_worker) {
    // Nor is what it starts.
    char** const marker = FindEntry(kMarker);
    if (marker != nullptr && !IsThatProcess(start_state)) RemoveEntry(marker);
    return;
  }
  const WorkerStart& inherited = start_state.descriptors;
  MakeCloseOnExec(inherited.channel);
  MakeCloseOnExec(inherited.socket);
  MakeCloseOnExec(inherited.bells);
  MakeCloseOnExec(inherited.descriptors);
  if (char** const entry = FindEntry(kMarker)) RemoveEntry(entry);
  if (char** const was = FindEntry(kPreloadWas)) {
    char* const old = *was + kPreloadWas.size();
    RemoveEntry(was);
    if (char** const preload = FindEntry(kPreload)) {
      if (*old != '\0') {
        *preload = old;
      } else {
        RemoveEntry(preload);
      }
    }
  }
}

[[noreturn]] void ExitWith(std::string_view why) {
  const std::string line = absl::StrCat("joblib: ", why, "\n");
  [[maybe_unused]] const ssize_t n = write(2, line.data(), line.size());
  _exit(kExitNoWorker);
}

[[noreturn]] void RunWorker(const WorkerStart& start) {
  if (!IsThatProcess(start_state)) {
    ExitWith("a process that a static constructor forked in a worker is none");
  }
  if (start.bells >= 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (SocketPeerClosed(start.socket)) _exit(0);  // Nobody is waiting.
  const WorkerMain run = worker_main.load(std::memory_order_acquire);
  if (run == nullptr) {
    ExitWith(
        "started as a worker, but nothing here is one: SetWorkerMain was "
        "not called by a static initializer");
  }
  run(start);
  ExitWith("the worker's main returned");
}

// This copy's worker, by way of another one's hook.
[[noreturn]] void ServeByOthersHook() {
  hook_reached.store(true, std::memory_order_release);
  RunWorker(start_state.descriptors);
}

// If it is known, and in the module that it should be in.
void RunOtherCopy(const Start& start) {
  const auto* const entry = reinterpret_cast<const void*>(start.entry);
  if (entry == nullptr) return;
  const absl::StatusOr<CodeAddress> place = LocateCode(entry);
  if (!place.ok() || place->module != start.module) return;
  reinterpret_cast<void (*)()>(start.entry)();
}

int HookedMain(Main main, int argc, char** argv, char** envp) {
  PrepareWorker();
  const Start& start = LookAtMarker();
  if (start.is_worker) {
    if (start.module == OurModule()) RunWorker(start.descriptors);
    RunOtherCopy(start);
    // Another copy's worker: that one comes next, unless it is not there. Then
    // main() would start workers in turn, without end.
    if (!FindModule(start.module).ok()) {
      ExitWith(
          "started as a worker of another version of this program: it, or "
          "a library of it, was replaced on disk meanwhile");
    }
  }
  main_has_begun.store(true, std::memory_order_release);
  return main(argc, argv, envp);
}

int HookedMain(int argc, char** argv, char** envp) {
  return HookedMain(program_main, argc, argv, envp);
}

using StartMain = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(),
                          void*);

// In place of __libc_start_main: gives the real one a main of ours.
int StartHooked(Main main, int argc, char** argv, void (*init)(),
                void (*fini)(), void (*rtld_fini)(), void* stack_end) {
  auto real = reinterpret_cast<StartMain>(
      start_behind_ours.load(std::memory_order_relaxed));
  if (real == nullptr) {
    real = reinterpret_cast<StartMain>(dlsym(RTLD_NEXT, "__libc_start_main"));
  }
  if (real == nullptr) ExitWith("no __libc_start_main behind ours");
  program_main = main;
  hook_reached.store(!IsSecure(), std::memory_order_release);
  PrepareWorker();
  const Main hooked = &HookedMain;
  return real(hooked, argc, argv, init, fini, rtld_fini, stack_end);
}

}  // namespace
}  // namespace joblib::native

// The start-up code of every dynamically linked glibc program (crt1.o) calls
// __libc_start_main(main, ...). Defined here, in the program's own archive or
// in a shared library that comes before libc, this one is called instead, and
// no linker flag is needed. Weak, so that a static program, which has the real
// one linked in, still links.
extern "C" [[gnu::weak, gnu::visibility("default")]] int __libc_start_main(
    joblib::native::Main main, int argc, char** argv, void (*init)(),
    void (*fini)(), void (*rtld_fini)(), void* stack_end) {
  return joblib::native::StartHooked(main, argc, argv, init, fini, rtld_fini,
                                     stack_end);
}

// The way in for static programs: linked with -Wl,--wrap=main, crt1.o's main is
// this. Else nobody calls it.
extern "C" [[gnu::weak]] int __real_main(int, char**, char**);
extern "C" [[gnu::visibility("default")]] int __wrap_main(int argc, char** argv,
                                                          char** envp) {
  return joblib::native::HookedMain(&__real_main, argc, argv, envp);
}

namespace joblib::native {
namespace {

// Runs before the program's start-up code where we lie in a library. Other
// copies of this code may lie in further ones: all of them look at the marker
// now, before the first hook removes it.
//
// A preloaded library whose names are hidden (a version script) is not found by
// the program; there the program's call is redirected, or, where it goes to a
// hook of the program's own, that one is told how to come here.
[[gnu::constructor(101)]] void LookEarly() {
  const Start& start = LookAtMarker();
  if (!start.is_worker || hook_reached.load(std::memory_order_relaxed) ||
      start.module != OurModule()) {
    return;
  }
  if (&__real_main != nullptr) return;
  const absl::StatusOr<CodeAddress> found =
      LocateCode(dlsym(RTLD_DEFAULT, "__libc_start_main"));
  if (found.ok() && found->module == start.module) return;
  start_behind_ours.store(
      ReplaceInProgram("__libc_start_main",
                       reinterpret_cast<std::uintptr_t>(&StartHooked)),
      std::memory_order_relaxed);
  char** const marker = FindEntry(kMarker);
  if (start_behind_ours.load(std::memory_order_relaxed) != 0 ||
      marker == nullptr) {
    return;
  }
  const auto* const told = new std::string(absl::StrCat(
      *marker, ",", reinterpret_cast<std::uintptr_t>(&ServeByOthersHook)));
  *marker = const_cast<char*>(told->c_str());  // As long as the environment.
}

// A sanitizer's runtime insists on being the first library.
std::string SanitizerRuntime() {
  std::string runtime;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) -> int {
        const std::string_view path = info->dlpi_name;
        const std::string_view name = path.substr(path.rfind('/') + 1);
        for (const std::string_view prefix :
             {"libasan.so", "libtsan.so", "libclang_rt.asan",
              "libclang_rt.tsan"}) {
          if (absl::StartsWith(name, prefix)) {
            *static_cast<std::string*>(result) = path;
          }
        }
        return 0;
      },
      &runtime);
  return runtime;
}

absl::StatusOr<std::string> PreloadOfOurs() {
  const absl::StatusOr<Module> module = FindModule(OurModule());
  if (!module.ok()) return module.status();
  if (module->path.empty()) {
    return absl::FailedPreconditionError(
        "this program cannot be started as its own worker: it is linked "
        "statically. Link it with -Wl,--wrap=main, or use the threading "
        "backend");
  }
  if (module->path.find_first_of(" :") != std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot preload ", module->path,
        " into a worker: its path has a space or a colon. Link the program "
        "with the library, or use the threading backend"));
  }
  const std::string runtime = SanitizerRuntime();
  if (runtime.empty()) return module->path;
  return absl::StrCat(runtime, ":", module->path);
}

}  // namespace

bool IsWorker() { return LookAtMarker().is_worker; }

bool HookActive() {
  // With --wrap=main it is known before main() is called.
  return hook_reached.load(std::memory_order_acquire) ||
         (&__real_main != nullptr && !IsSecure());
}

bool MainHasBegun() {
  return main_has_begun.load(std::memory_order_acquire) || !HookActive();
}

absl::StatusOr<std::string> StrangersMarker() {
  if (IsSecure() || !HookActive()) {
    return absl::FailedPreconditionError(
        IsSecure() ? "a program that runs with raised privileges (setuid, "
                     "capabilities) cannot be started as a worker"
                   : "this program cannot be started as a worker: its start "
                     "does not go through joblib. Link the program itself with "
                     "joblib, a static one with -Wl,--wrap=main");
  }
  return absl::StrCat(kMarker, kVersion, ",", kChannelWord, ",", kSocketWord,
                      ",0,", kDescriptorsWord, ",", OurModule());
}

void SetWorkerMain(WorkerMain run) {
  worker_main.store(run, std::memory_order_release);
}

absl::StatusOr<std::vector<std::string>> WorkerEnvironment(
    const WorkerStart& start, const std::vector<std::string>& environment) {
  if (IsSecure()) {
    return absl::FailedPreconditionError(
        "a program that runs with raised privileges (setuid, capabilities) "
        "cannot be started as its own worker: use the threading backend");
  }
  std::string preload;
  if (!HookActive()) {
    absl::StatusOr<std::string> ours = PreloadOfOurs();
    if (!ours.ok()) return ours.status();
    preload = *std::move(ours);
  }
  std::vector<std::string> result;
  std::string preload_was;
  for (const std::string& entry : environment) {
    if (absl::StartsWith(entry, kMarker)) continue;
    if (absl::StartsWith(entry, kPreloadWas)) continue;
    if (absl::StartsWith(entry, kChildPid)) continue;
    if (!preload.empty() && absl::StartsWith(entry, kPreload)) {
      preload_was = entry;
      continue;
    }
    result.push_back(entry);
  }
  if (!preload.empty()) {
    const std::string old =
        preload_was.substr(preload_was.empty() ? 0 : kPreload.size());
    result.push_back(
        absl::StrCat(kPreload, preload, old.empty() ? "" : ":", old));
    result.push_back(absl::StrCat(kPreloadWas, preload_was));
  }
  result.push_back(absl::StrCat(kMarker, kVersion, ",", start.channel, ",",
                                start.socket, ",", start.bells, ",",
                                start.nonce, ",", OurModule()));
  return result;
}

}  // namespace joblib::native
