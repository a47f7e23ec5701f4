#include "tests/native/own_worker.h"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>
#include <utility>

#include "native/environment.h"
#include "native/shared_futex.h"

namespace joblib::native {
namespace {

constexpr std::size_t kPageBytes = 4096;
static_assert(sizeof(WorkerPage) <= kPageBytes);

void RunBody(const WorkerStart& start) {
  absl::StatusOr<SharedMemory> memory =
      SharedMemory::Adopt(start.channel, kPageBytes);
  if (!memory.ok()) _exit(10);
  absl::StatusOr<Mapping> map = Mapping::Map(*memory, 0, kPageBytes);
  if (!map.ok()) _exit(11);
  auto& page = *reinterpret_cast<WorkerPage*>(map->data());
  const absl::StatusOr<const void*> body = ResolveCode(page.body);
  if (!body.ok()) _exit(12);
  Reach(page, 1);
  reinterpret_cast<OwnWorker::Body>(const_cast<void*>(*body))(page, start);
  _exit(0);
}

[[maybe_unused]] const bool is_set = [] {
  SetWorkerMain(&RunBody);
  return true;
}();

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) {
    const std::string why = value.status().ToString() + "\n";
    [[maybe_unused]] const ssize_t n = write(2, why.data(), why.size());
    std::abort();
  }
  return *std::move(value);
}

}  // namespace

void WorkerPage::SetText(const std::string& value) {
  std::strncpy(text, value.c_str(), sizeof text - 1);
}

OwnWorker::OwnWorker()
    : memory_(Must(SharedMemory::Create("own_worker", kPageBytes))),
      bells_(Must(SharedMemory::Create("own_worker_bells", kPageBytes))),
      map_(Must(Mapping::Map(memory_, 0, kPageBytes))) {
  std::tie(ours_, theirs_) = Must(DescriptorSocket::Pair());
  new (map_.data()) WorkerPage;
  start_ = {.channel = memory_.fd(),
            .socket = theirs_.fd(),
            .bells = bells_.fd(),
            .nonce = kNonce};
}

absl::StatusOr<std::vector<std::string>> OwnWorker::MakeEnvironment(
    const std::vector<std::string>& environment) const {
  return WorkerEnvironment(start_, environment);
}

absl::Status OwnWorker::StartWith(Body body,
                                  const std::vector<std::string>& environment,
                                  const Surroundings* surroundings) {
  absl::StatusOr<CodeAddress> address =
      LocateCode(reinterpret_cast<const void*>(body));
  if (!address.ok()) return address.status();
  page().body = *address;
  absl::StatusOr<ChildProcess> process =
      ChildProcess::Start({.environment = environment,
                           .surroundings = surroundings,
                           .descriptors = {start_.channel, start_.bells},
                           .socket = start_.socket});
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  theirs_ = DescriptorSocket();
  return absl::OkStatus();
}

absl::Status OwnWorker::Start(Body body, const Surroundings* surroundings) {
  absl::StatusOr<std::vector<std::string>> environment = MakeEnvironment(
      surroundings == nullptr ? Environment() : surroundings->environment);
  if (!environment.ok()) return environment.status();
  return StartWith(body, *environment, surroundings);
}

void OwnWorker::WaitFor(std::uint32_t value) {
  for (;;) {
    const std::uint32_t seen = page().reached.load(std::memory_order_acquire);
    if (seen >= value || process_.Poll().has_value()) return;
    SharedFutexWait(page().reached, seen, std::chrono::milliseconds(20));
  }
}

ExitStatus OwnWorker::WaitForEnd() {
  for (;;) {
    if (const auto status = process_.Poll()) return *status;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void Reach(WorkerPage& page, std::uint32_t value) {
  page.reached.store(value, std::memory_order_release);
  SharedFutexWake(page.reached, 1);
}

}  // namespace joblib::native
