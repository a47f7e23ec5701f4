// A plugin that brings a copy of native/thread of its own.

#include "native/thread.h"

extern "C" void PinThePlugin() { joblib::native::PinThisModule(); }
