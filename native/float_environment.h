// FloatEnvironment: how a thread rounds, flushes to zero and traps, to be given
// to another thread. What <cfenv> does; where the processor's registers are
// known, without the flags that have been raised.
//
// Thread-safety: each call is about the calling thread. Source: Intel 64 and
// IA-32 Architectures Software Developer's Manual, volume 1, 8.1.5 and 10.2.3.
#ifndef JOBLIB_NATIVE_FLOAT_ENVIRONMENT_H_
#define JOBLIB_NATIVE_FLOAT_ENVIRONMENT_H_

#if !defined(__x86_64__)
#include <cfenv>
#endif

namespace joblib::native {

class FloatEnvironment {
 public:
  // The calling thread's.
  static FloatEnvironment OfThisThread() {
    FloatEnvironment environment;
#if defined(__x86_64__)
    environment.mxcsr_ = __builtin_ia32_stmxcsr();
    asm volatile("fnstcw %0" : "=m"(environment.control_));
#else
    std::fegetenv(&environment.environment_);
#endif
    return environment;
  }
  void UseOnThisThread() const {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(mxcsr_);
    asm volatile("fldcw %0" : : "m"(control_));
#else
    std::fesetenv(&environment_);
#endif
  }

 private:
#if defined(__x86_64__)
  unsigned mxcsr_ = 0;
  unsigned short control_ = 0;  // Of the x87 unit: long double.
#else
  std::fenv_t environment_;
#endif
};

}  // namespace joblib::native

#endif  // JOBLIB_NATIVE_FLOAT_ENVIRONMENT_H_
