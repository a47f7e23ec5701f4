// Both streams end in FS.write of the main thread's JavaScript, whichever
// thread prints.

#include <emscripten.h>

#include <cstdio>
#include <cstdlib>

#include "native/capture_for_test.h"

namespace joblib::native {
namespace {

// The text that was taken of file descriptor `fd`.
std::string Taken(int fd) {
  // The outer parentheses let the macro have commas.
  auto* text = reinterpret_cast<char*>(MAIN_THREAD_EM_ASM_INT(
      ({ return allocateUTF8(Buffer.concat(FS.joblibTaken[$0]).toString()); }),
      fd));
  std::string result(text);
  std::free(text);
  return result;
}

}  // namespace

OutputCapture::OutputCapture() {
  std::fflush(nullptr);
  MAIN_THREAD_EM_ASM(({
    const write = FS.write;
    const taken = ({1 : [], 2 : []});
    FS.joblibTaken = taken;
    FS.joblibWrite = write;
    FS.write = function(stream, buffer, offset, length, position) {
      if (!(stream.fd in taken)) return write.apply(FS, arguments);
      taken[stream.fd].push(Buffer.from(buffer.slice(offset, offset + length)));
      return length;
    };
  }));
}

OutputCapture::~OutputCapture() {
  if (!ended_) End();
}

CapturedOutput OutputCapture::End() {
  ended_ = true;
  std::fflush(nullptr);
  MAIN_THREAD_EM_ASM(({ FS.write = FS.joblibWrite; }));
  std::string out = Taken(1);
  return {.out = std::move(out), .err = Taken(2)};
}

}  // namespace joblib::native
