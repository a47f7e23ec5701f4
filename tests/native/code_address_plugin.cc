// A library that is loaded while the program runs. VERSION makes two of it.

extern "C" int CodeAddressPlugin(int x) { return x * 2 + VERSION; }
