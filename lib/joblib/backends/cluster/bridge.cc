#include "joblib/backends/cluster/bridge.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "joblib/backends/cluster/bridge_sources.h"
#include "joblib/core/errors.h"
#include "native/environment.h"
#include "native/thread.h"

namespace joblib::internal {
namespace {

// Reads what SendSources writes; the last module's main() gets the stream.
constexpr char kBootstrap[] = R"PY(
import socket, struct, sys, types
stream = socket.socket(fileno=3)
sys.stdout = sys.stderr
def take(n):
    data = bytearray()
    while len(data) < n:
        part = stream.recv(n - len(data))
        if not part: sys.exit(1)
        data += part
    return bytes(data)
def number(): return struct.unpack("<I", take(4))[0]
def text(): return take(number()).decode()
for _ in range(number()):
    name, source = text(), text()
    module = types.ModuleType(name)
    module.SOURCE = source
    sys.modules[name] = module
    exec(compile(source, name + ".py", "exec"), module.__dict__)
module.main(stream)
)PY";

bool SendSources(const native::Stream& stream) {
  const std::pair<std::string_view, std::string_view> sources[] = {
      {"joblib_sidecar", kSidecarSource},
      {"joblib_dask", kDaskEngineSource},
      {"joblib_ray", kRayEngineSource},
      {"joblib_bridge", kBridgeSource}};
  std::string all;
  const auto put_number = [&all](std::size_t n) {
    const auto number = static_cast<std::uint32_t>(n);
    all.append(BytesOf(number));
  };
  put_number(std::size(sources));
  for (const auto& [name, source] : sources) {
    put_number(name.size());
    all.append(name);
    put_number(source.size());
    all.append(source);
  }
  return stream.Write({all});
}

// As kind_of() in bridge.py says it.
bool HasLostItsCluster(const BridgeFrame& frame) {
  return frame.kind == FrameKind::kFailed && !frame.body.empty() &&
         frame.body.front() == 'G';
}

std::string PythonOr(const std::string& python) {
  if (!python.empty()) return python;
  const std::optional<std::string> own = native::GetEnv("JOBLIB_PYTHON");
  return own.has_value() && !own->empty() ? *own : "python3";
}

}  // namespace

std::shared_ptr<Bridge> Bridge::Start(const std::string& python) {
  const std::string interpreter = PythonOr(python);
  absl::StatusOr<native::Companion> process = native::Companion::Start(
      {interpreter, "-c", kBootstrap, "joblib-bridge"});
  if (!process.ok()) {
    throw std::runtime_error(absl::StrCat(
        "The cluster backends need Python 3 with the engine's package, and it "
        "did not start (",
        process.status().message(),
        "). Install it, or name an interpreter by the variable JOBLIB_PYTHON "
        "or the backend parameter \"python\"."));
  }
  std::shared_ptr<Bridge> bridge(new Bridge(*std::move(process), nullptr));
  bridge->Begin();
  // A failure shows as the answer to the first question.
  SendSources(bridge->process_.stream);
  return bridge;
}

std::shared_ptr<Bridge> Bridge::Nested(native::Stream stream,
                                       std::function<void(bool)> waits) {
  native::Companion none;
  none.stream = std::move(stream);
  std::shared_ptr<Bridge> bridge(new Bridge(std::move(none), std::move(waits)));
  bridge->Begin();
  return bridge;
}

void Bridge::Begin() {
  native::PinThisModule();
  const absl::Status started = native::StartThread(
      [self = shared_from_this()] { self->ReadFrames(); }, "joblib-bridge");
  if (started.ok()) return;
  process_.Kill();
  process_.Reap();
  throw std::runtime_error(std::string(started.message()));
}

void Bridge::CallBegins() {
  absl::MutexLock lock(&calls_mu_);
  if (calls_++ == 0 && is_nested()) waits_(true);
}

void Bridge::CallEnds() {
  // Another call that begins meanwhile waits, too: the task runs on first.
  absl::MutexLock lock(&calls_mu_);
  if (--calls_ == 0 && is_nested()) waits_(false);
}

void Bridge::Send(FrameKind kind, std::uint64_t id, std::string_view first,
                  std::string_view second) {
  absl::MutexLock lock(&write_mu_);
  // It has gone if this fails, and that thread tells.
  WriteFrame(process_.stream, kind, id, first, second);
}

void Bridge::Ask(FrameKind kind, std::uint64_t id, std::string_view first,
                 std::string_view second,
                 std::function<void(BridgeFrame)> answer) {
  {
    absl::MutexLock lock(&mu_);
    if (!gone_.load()) {
      asked_.emplace(id, std::move(answer));
      answer = nullptr;
    }
  }
  if (answer != nullptr) return answer({FrameKind::kGone, id, {}});
  Send(kind, id, first, second);
}

void Bridge::Share(const ClusterValue& value) {
  // Held until it is sent: no other thread's batch may be earlier.
  absl::MutexLock lock(&values_mu_);
  if (!shared_.insert(value.number()).second) return;
  // The answer comes once the bridge has opened it.
  Ask(FrameKind::kShare, NextId(), value.Described(), {},
      [value](const BridgeFrame&) {});
}

void Bridge::ForgetDead() {
  absl::MutexLock lock(&values_mu_);
  std::vector<std::uint64_t> known;
  for (const std::uint64_t number : DeadNumbersSince(&dead_seen_)) {
    if (shared_.erase(number) != 0) known.push_back(number);
  }
  if (known.empty()) return;
  Send(FrameKind::kForget, 0,
       {reinterpret_cast<const char*>(known.data()),
        known.size() * sizeof known[0]});
}

std::string Bridge::AskAndWait(FrameKind kind, const std::string& body,
                               std::chrono::seconds limit) {
  struct Answer {
    BridgeFrame frame;
    absl::Notification came;
  };
  const auto answer = std::make_shared<Answer>();
  Ask(kind, NextId(), body, {}, [answer](BridgeFrame frame) {
    answer->frame = std::move(frame);
    answer->came.Notify();
  });
  if (!answer->came.WaitForNotificationWithTimeout(absl::FromChrono(limit))) {
    process_.stream.Shutdown();  // ReadFrames ends it.
    throw TimeoutError(absl::StrCat(
        "The cluster's client did not answer within ", limit.count(),
        " seconds. Is the address right, and that of this engine?"));
  }
  if (answer->frame.kind != FrameKind::kAnswer) {
    std::rethrow_exception(BridgeError(answer->frame));
  }
  return std::move(answer->frame.body);
}

void Bridge::ReadFrames() {
  while (std::optional<BridgeFrame> frame =
             ReadFrame<FrameKind>(process_.stream)) {
    if (HasLostItsCluster(*frame)) lost_.store(true);
    std::function<void(BridgeFrame)> answer;
    {
      absl::MutexLock lock(&mu_);
      const auto found = asked_.find(frame->id);
      if (found == asked_.end()) continue;
      answer = std::move(found->second);
      asked_.erase(found);
    }
    answer(*std::move(frame));
  }
  std::map<std::uint64_t, std::function<void(BridgeFrame)>> asked;
  {
    absl::MutexLock lock(&mu_);
    gone_.store(true);
    asked.swap(asked_);
  }
  process_.stream.Shutdown();
  for (const auto& [id, answer] : asked) answer({FrameKind::kGone, id, {}});
  // What is left of it and of its children, if it did not end by itself.
  process_.Kill();
  process_.Reap();
  absl::MutexLock lock(&mu_);
  reaped_ = true;
}

void Bridge::Leave() {
  gone_.store(true);
  Send(FrameKind::kBye, 0, {});
}

void Bridge::WaitUntilGone(std::chrono::seconds limit) {
  absl::MutexLock lock(&mu_);
  if (mu_.AwaitWithTimeout(absl::Condition(&reaped_),
                           absl::FromChrono(limit))) {
    return;
  }
  process_.stream.Shutdown();
  mu_.Await(absl::Condition(&reaped_));
}

std::exception_ptr BridgeError(const BridgeFrame& frame) {
  if (frame.kind == FrameKind::kGone) {
    return std::make_exception_ptr(BrokenProcessPool(
        "The Python process that connects this program with the cluster has "
        "ended: it was killed, its machine is out of memory, or the cluster's "
        "head has gone (Ray ends its clients then). The next call starts a new "
        "one."));
  }
  const char kind = frame.body.empty() ? 'E' : frame.body.front();
  const std::string text = frame.body.empty() ? "" : frame.body.substr(1);
  switch (kind) {
    case 'V':
      return std::make_exception_ptr(std::invalid_argument(text));
    case 'T':
      return std::make_exception_ptr(TimeoutError(text));
    case 'I':
      return std::make_exception_ptr(std::runtime_error(text));
    case 'K':
      return std::make_exception_ptr(TerminatedWorkerError(absl::StrCat(
          "A batch of tasks has ended each worker of the cluster that ran it, "
          "until the engine gave up: ",
          text)));
    default:
      return std::make_exception_ptr(BrokenProcessPool(text));
  }
}

}  // namespace joblib::internal
