// What ThreadSanitizer reports wrongly in a dependency; in builds with
// --config=tsan only.
//
// Abseil 20220623: a thread makes its ThreadIdentity in its first contended
// Mutex::Lock(), where the sanitizer is told to ignore synchronization; the
// Unlock() that posts to it is then taken for a race with the making. Later
// releases ignore that access, too (Mutex::IncrementSynchSem).
extern "C" __attribute__((no_sanitize("thread"), visibility("default"), used))
const char*
__tsan_default_suppressions() {
  return "race:AbslInternalPerThreadSemPost\n";
}
