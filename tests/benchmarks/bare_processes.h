// What the peers of the process backends are made of: forked children, memory
// that they share, pipes, and this program started anew.
//
//   auto* word = SharedObject<std::atomic<int>>();
//   ForkedChild child([&] { word->store(1); });
//   child.Wait();
//
// For benchmarks: what the system refuses ends the program, with words.
// Thread-safety: none but for the words of shared memory.
#ifndef TESTS_BENCHMARKS_BARE_PROCESSES_H_
#define TESTS_BENCHMARKS_BARE_PROCESSES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

namespace joblib::benchmarks {

// Zeroed pages that forked children share with this process. Never unmapped.
void* SharedPages(std::size_t size);

template <class T>
T* SharedObject() {
  return new (SharedPages(sizeof(T))) T();
}

// Sleeping on a word of shared memory, and waking all who sleep on it.
void SharedWait(const std::atomic<std::uint32_t>& word, std::uint32_t expected);
void SharedWake(std::atomic<std::uint32_t>& word);

// Waiting without sleep: spins for a moment, then lets others run.
class Patience {
 public:
  void Wait();
  void Reset() { tries_ = 0; }

 private:
  int tries_ = 0;
};

// A fork()ed child. It dies with the thread that made it.
class ForkedChild {
 public:
  template <class F>
  explicit ForkedChild(F&& work) : pid_(Fork()) {
    if (pid_ != 0) return;
    work();
    Leave();
  }
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild();  // Kills it where it was not waited for.
  void Wait();

 private:
  static int Fork();  // 0 in the child.
  [[noreturn]] static void Leave();
  int pid_;
};

// A pipe; both ends are closed where a program is executed.
struct Pipe {
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();
  int from = -1;
  int to = -1;
};

// As many bytes as there are, at most `size`; 0 at the end.
std::size_t ReadSome(int from, void* bytes, std::size_t size);
void WriteAll(int to, const void* bytes, std::size_t size);

// Starts this program (posix_spawn) with `arguments`; descriptor 1 of the child
// is `output`. Returns its pid.
int SpawnItself(const std::vector<std::string>& arguments, int output);
void WaitFor(int pid);

// What this program prints when started with `arguments`.
std::string OutputOfItself(const std::vector<std::string>& arguments);

int ProcessId();
std::vector<int> Children();  // Of all threads of this process.
// CPU time that a process has used; 0 where there is none.
double CpuSeconds(int pid);

}  // namespace joblib::benchmarks

#endif  // TESTS_BENCHMARKS_BARE_PROCESSES_H_
