#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "native/capture_for_test.h"

namespace joblib::native {
namespace {

// A stream while it is captured; there are two.
struct Stream {
  int fd;
  int former = -1;  // Where it went.
  int file = -1;    // Where it goes.
};
Stream streams[] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};

void Begin(Stream& stream) {
  stream.former = dup(stream.fd);
  stream.file = memfd_create("capture", MFD_CLOEXEC);
  if (stream.file >= 0) dup2(stream.file, stream.fd);
}

std::string End(Stream& stream) {
  dup2(stream.former, stream.fd);
  close(stream.former);
  std::string text(static_cast<std::size_t>(lseek(stream.file, 0, SEEK_END)),
                   '\0');
  const ssize_t size = pread(stream.file, text.data(), text.size(), 0);
  close(stream.file);
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

OutputCapture::OutputCapture() {
  std::fflush(nullptr);
  for (Stream& stream : streams) Begin(stream);
}

OutputCapture::~OutputCapture() {
  if (!ended_) End();
}

CapturedOutput OutputCapture::End() {
  ended_ = true;
  std::fflush(nullptr);
  std::string out = native::End(streams[0]);
  return {.out = std::move(out), .err = native::End(streams[1])};
}

}  // namespace joblib::native
