// ShippedRunner: what runs the encoded calls of one type in another process of
// the same program. It is a constant that travels by its place and says what it
// is by its first word, so that nothing is called there but a runner of ours.
//
//   out.Put(RefOf(kShippedRunner<Call>));
//   FindRunner(in.Get<CodeRef>()).run(call, result);   // In the worker.
//
// Thread-safety: any thread.
#ifndef JOBLIB_CORE_SHIPPED_RUNNER_H_
#define JOBLIB_CORE_SHIPPED_RUNNER_H_

#include <cstdint>

#include "joblib/core/code_refs.h"

namespace joblib::internal {

class ByteReader;
class ByteWriter;

struct ShippedRunner {
  static constexpr std::uint64_t kMark = 0x9d1c6f03a8e5b247;

  std::uint64_t mark;
  // Decodes a call from `call`, runs it, encodes its result into `result`.
  // Throws what the task throws, PicklingError if its result can't travel,
  // DecodeError if `call` is not such a call.
  void (*run)(ByteReader& call, ByteWriter& result);
};

// Throws PicklingError if it is in no module.
inline CodeRef RefOf(const ShippedRunner& runner) {
  return TheCodeRefs().OfConstant(&runner);
}
// Throws DecodeError if there is no runner of that place here.
const ShippedRunner& FindRunner(CodeRef ref);

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_SHIPPED_RUNNER_H_
