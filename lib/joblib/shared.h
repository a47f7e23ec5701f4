// Shared<T>: a value that many tasks use and none copies.
//
//   joblib::Shared<std::map<std::string, Point>> lookup(std::move(map));
//   Parallel()(each(xs, [&](int x) { return delayed(f)(lookup, x); }));
//
// A handle, cheap to copy; the value is const and lives as long as a handle.
// Thread-safety: as a const T.
#ifndef JOBLIB_SHARED_H_
#define JOBLIB_SHARED_H_

#include <memory>
#include <utility>

namespace joblib {

template <class T>
class Shared {
 public:
  explicit Shared(T value)
      : value_(std::make_shared<const T>(std::move(value))) {}
  const T& operator*() const { return *value_; }
  const T* operator->() const { return value_.get(); }

 private:
  std::shared_ptr<const T> value_;
};

}  // namespace joblib

#endif  // JOBLIB_SHARED_H_
