// What a page gave with the call that runs: its onProgress and its signal.
//
//   joblib::Parallel parallel({.progress = joblib::wasm::progress(),
//                              .stop_token = joblib::wasm::stop_token()});
//
// All other options of the call, n_jobs and the like, are a parallel_config
// around the exported function already.
//
// Thread-safety: any thread, while an exported function runs; both mean that
// function's call. Elsewhere progress tells nobody and the token never stops.
#ifndef WASM_BINDINGS_PAGE_CALL_H_
#define WASM_BINDINGS_PAGE_CALL_H_

#include "joblib/progress.h"
#include "joblib/stop_token.h"

namespace joblib::wasm {

// Tells onProgress, which hears of the latest count once a frame at most, and
// of the last one always. Call it on one thread at a time, as Parallel does.
//
// Throws CancelledError once the page has aborted the call, which ends a loop
// that counts by hand, too. In the module without threads nothing else runs
// between two tasks: this is where the signal is heard.
ProgressCallback progress();

// Stops when the page aborts the call; in the module without threads once
// progress() has heard of it.
StopToken stop_token();

}  // namespace joblib::wasm

#endif  // WASM_BINDINGS_PAGE_CALL_H_
