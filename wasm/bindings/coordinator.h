// Where exported functions run, seen from the host: the Web Worker of the
// page's (host.mjs) that holds the module and its JavaScript values.
//
// coordinator_threads.cc runs them on a thread of their own. The host's stays
// free, as it has to: Emscripten starts each thread there, and would wait for
// ever if the host itself waited. coordinator_one_thread.cc runs them on the
// host's thread, there is no other; the page's is free all the same.
#ifndef WASM_BINDINGS_COORDINATOR_H_
#define WASM_BINDINGS_COORDINATOR_H_

#include <functional>

namespace joblib::wasm::internal {

// Runs `work`, after all that was given before, then `done` on the host's
// thread. On the host's thread; neither may throw.
void RunThenDone(std::function<void()> work, std::function<void()> done);

// Runs `f` on the host's thread, in the order of these calls and before the
// `done` of the work that calls it. Any thread; `f` must not throw.
void TellHost(std::function<void()> f);

// Whether the host hears of the page while work runs. Else the work has to ask.
bool HostIsFree();

}  // namespace joblib::wasm::internal

#endif  // WASM_BINDINGS_COORDINATOR_H_
