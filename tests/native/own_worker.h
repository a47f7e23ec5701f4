// The test program as its own worker: runs a function in another process of
// it, over a page that both map.
//
//   OwnWorker worker;
//   ASSERT_TRUE(worker.Start([](WorkerPage& page, const native::WorkerStart&) {
//     page.numbers[0] = 42;  // In the worker. A lambda without captures.
//   }).ok());
//   EXPECT_EQ(OwnWorker::Describe(worker.WaitForEnd()), "EXIT(0)");
//   EXPECT_EQ(worker.page().numbers[0], 42);
#ifndef JOBLIB_TESTS_NATIVE_OWN_WORKER_H_
#define JOBLIB_TESTS_NATIVE_OWN_WORKER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "native/child_process.h"
#include "native/code_address.h"
#include "native/descriptor_socket.h"
#include "native/main_hook.h"
#include "native/shared_memory.h"

namespace joblib::native {

struct WorkerPage {
  std::atomic<std::uint32_t> reached{0};  // The worker's main; see WaitFor.
  CodeAddress body;
  std::int64_t numbers[16] = {};
  char text[2048] = {};

  void SetText(const std::string& value);
};

class OwnWorker {
 public:
  using Body = void (*)(WorkerPage& page, const WorkerStart& start);

  OwnWorker();
  // Runs `body` in a new worker, which ends with code 0 then.
  absl::Status Start(Body body, const Surroundings* surroundings = nullptr);
  // The same, with `environment` in place of what WorkerEnvironment says.
  absl::Status StartWith(Body body, const std::vector<std::string>& environment,
                         const Surroundings* surroundings = nullptr);
  // What Start would give it.
  absl::StatusOr<std::vector<std::string>> MakeEnvironment(
      const std::vector<std::string>& environment) const;

  WorkerPage& page() { return *reinterpret_cast<WorkerPage*>(map_.data()); }
  ChildProcess& process() { return process_; }
  DescriptorSocket& socket() { return ours_; }
  const WorkerStart& start() const { return start_; }
  // Sleeps until the worker set `page().reached` to `value`.
  void WaitFor(std::uint32_t value);
  ExitStatus WaitForEnd();
  static std::string Describe(const ExitStatus& status) {
    return ChildProcess::Describe(status);
  }

  static constexpr std::uint64_t kNonce = 0xfedcba9876543210;

 private:
  SharedMemory memory_;
  SharedMemory bells_;
  Mapping map_;
  DescriptorSocket ours_;
  DescriptorSocket theirs_;
  WorkerStart start_;
  ChildProcess process_;
};

// Sets `page().reached` in the worker, and wakes the parent.
void Reach(WorkerPage& page, std::uint32_t value);

}  // namespace joblib::native

#endif  // JOBLIB_TESTS_NATIVE_OWN_WORKER_H_
