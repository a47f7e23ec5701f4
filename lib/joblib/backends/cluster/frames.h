// Frames: how the program talks with bridge.py, and a worker on the cluster
// with sidecar.py. The same numbers stand there.
#ifndef JOBLIB_BACKENDS_CLUSTER_FRAMES_H_
#define JOBLIB_BACKENDS_CLUSTER_FRAMES_H_

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "native/stream.h"

namespace joblib::internal {

inline constexpr std::uint32_t kFrameMagic = 0x4A4C4231;
inline constexpr std::uint16_t kFrameVersion = 1;

enum class FrameKind : std::uint8_t {
  // To bridge.py, and its answers.
  kConnect = 1,
  kNJobs = 2,
  kCall = 3,
  kSubmit = 4,
  kCancel = 5,
  kEndCall = 6,
  kBye = 7,
  kShare = 8,
  kForget = 9,
  kAnswer = 16,
  kResult = 17,
  kFailed = 18,
  kGone = 19,  // Never sent: stands for the answer of a bridge that has ended.
};
enum class WorkerFrameKind : std::uint8_t {
  kReady = 1,
  kRun = 2,
  kDone = 3,
  kFailed = 4,
  kShared = 5,
  kArray = 6,
  kForget = 7,
  kNested = 8,   // The stream for calls of its tasks; then the address.
  kSecede = 9,   // From the worker: its task waits for such calls,
  kRejoin = 10,  // and wants to go on.
  kRejoined = 11,
};

// Little-endian, followed by `length` bytes.
struct FrameHeader {
  std::uint32_t magic = kFrameMagic;
  std::uint8_t kind = 0;
  std::uint8_t unused = 0;
  std::uint16_t version = kFrameVersion;
  std::uint64_t id = 0;
  std::uint64_t length = 0;
};
static_assert(sizeof(FrameHeader) == 24);

template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// False: the other side has gone. One thread at a time.
template <class Kind>
bool WriteFrame(const native::Stream& stream, Kind kind, std::uint64_t id,
                std::string_view first, std::string_view second = {}) {
  FrameHeader header;
  header.kind = static_cast<std::uint8_t>(kind);
  header.id = id;
  header.length = first.size() + second.size();
  return stream.Write({BytesOf(header), first, second});
}

template <class Kind>
struct StreamFrame {
  Kind kind{};
  std::uint64_t id = 0;
  std::string body;
};

// Nothing: the other side has gone, or does not speak this protocol.
template <class Kind>
std::optional<StreamFrame<Kind>> ReadFrame(const native::Stream& stream) {
  FrameHeader header;
  if (!stream.Read(&header, sizeof header) || header.magic != kFrameMagic ||
      header.version != kFrameVersion) {
    return std::nullopt;
  }
  StreamFrame<Kind> frame;
  frame.kind = static_cast<Kind>(header.kind);
  frame.id = header.id;
  frame.body.resize(header.length);
  if (!stream.Read(frame.body.data(), frame.body.size())) return std::nullopt;
  return frame;
}

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_FRAMES_H_
