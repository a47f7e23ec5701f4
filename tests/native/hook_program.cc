// A program that is its own worker, for hook_program_test: argv[1] says what it
// does. Exits with 0 if the worker did its work.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "native/main_hook.h"
#include "tests/native/own_worker.h"

namespace joblib::native {
namespace {

// A constructor in which a worker hangs.
[[maybe_unused]] const bool hangs = [] {
  if (!IsWorker() || std::getenv("HOOK_PROGRAM_HANG") == nullptr) return false;
  [[maybe_unused]] const ssize_t n = write(1, "hanging\n", 8);
  for (;;) pause();
}();

int Fail(int code, const std::string& why) {
  std::fprintf(stderr, "hook_program: %s\n", why.c_str());
  return code;
}

int RunAWorker() {
  OwnWorker worker;
  const absl::Status started =
      worker.Start([](WorkerPage& page, const WorkerStart&) {
        page.numbers[0] = 42;
        // 0, 1 and 2 are open, and none is a channel.
        for (int fd = 0; fd <= 2; ++fd) {
          struct stat info = {};
          if (fstat(fd, &info) == 0) ++page.numbers[1];
        }
      });
  if (!started.ok()) return Fail(20, started.ToString());
  const std::string end = OwnWorker::Describe(worker.WaitForEnd());
  if (end != "EXIT(0)") return Fail(21, end);
  if (worker.page().numbers[0] != 42) return Fail(22, "it did nothing");
  return worker.page().numbers[1] == 3 ? 0 : Fail(23, "a closed descriptor");
}

int HangInAConstructor() {
  setenv("HOOK_PROGRAM_HANG", "1", 1);
  OwnWorker worker;
  if (!worker.Start([](WorkerPage&, const WorkerStart&) {}).ok()) return 20;
  worker.WaitForEnd();
  return 24;
}

// path: this program, or what it loads.
int Run(const std::string& what, const std::string& path) {
  if (what == "run") return RunAWorker();
  if (what == "hang") return HangInAConstructor();
  if (what == "delete") {
    if (unlink(path.c_str()) != 0) return Fail(25, "unlink");
    return RunAWorker();
  }
  if (what == "replace") {
    if (unlink(path.c_str()) != 0 || symlink("/bin/false", path.c_str()) != 0 ||
        // What the kernel calls a program whose file is gone.
        symlink("/bin/false", (path + " (deleted)").c_str()) != 0) {
      return Fail(25, "replace");
    }
    return RunAWorker();
  }
  if (what == "close") {
    for (int fd = 0; fd <= 2; ++fd) close(fd);
    return RunAWorker();
  }
  // A library with a hook of its own, which nothing of this program calls.
  if (what == "load") {
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return Fail(27, dlerror());
    auto run = reinterpret_cast<int (*)()>(dlsym(library, "RunHookPlugin"));
    return run != nullptr ? run() : Fail(28, dlerror());
  }
  if (what == "is_worker") {
    if (getauxval(AT_SECURE) != 0) std::printf("secure ");
    std::printf("IsWorker %d HookActive %d MainHasBegun %d\n", IsWorker(),
                HookActive(), MainHasBegun());
    const auto environment = WorkerEnvironment({}, {});
    std::printf("%s\n", environment.status().ToString().c_str());
    return 0;
  }
  return Fail(26, "what?");
}

}  // namespace
}  // namespace joblib::native

int main(int argc, char** argv) {
  return joblib::native::Run(argc > 1 ? argv[1] : "", argv[argc > 2 ? 2 : 0]);
}
