// SharedSlot: what is kept of a value that travels once to each process: in the
// control block of its handles.
//
// Thread-safety: `mu` guards the rest.
#ifndef JOBLIB_CORE_SHARED_SLOT_H_
#define JOBLIB_CORE_SHARED_SLOT_H_

#include <cstdint>
#include <memory>
#include <mutex>

namespace joblib::internal {

struct SharedSlot {
  std::mutex mu;
  // Where the value lies encoded, and by what number other processes know it;
  // of the sink's making, which is told by its end that nobody needs it.
  std::uint64_t number = 0;
  std::shared_ptr<void> memory;
};

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_SHARED_SLOT_H_
