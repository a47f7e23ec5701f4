// Reads .npy files and writes them again, for numpy_test.py:
//
//   numpy_program FROM TO DTYPE    DTYPE as numpy spells it: <f8
//
// DTYPE "raw": makes the plain file TO as numpy.memmap would; FROM is none.
#include <complex>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "joblib/joblib.h"

namespace {

template <class T>
void Copy(const std::string& from, const std::string& to) {
  joblib::dump(joblib::load<T>(from), to);
}

void MakeRaw(const std::string& to) {
  auto raw =
      joblib::memmap<float>(to, "w+", {5, 4}, {.offset = 64, .order = 'F'});
  const auto view = raw.mutable_view();
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 4; ++j) view(i, j) = static_cast<float>(10 * i + j);
  }
}

void Run(const std::string& from, const std::string& to,
         const std::string& dtype) {
  using Copier = std::function<void(const std::string&, const std::string&)>;
  const std::map<std::string, Copier> copiers = {
      {"|b1", Copy<bool>},
      {"|i1", Copy<std::int8_t>},
      {"<u2", Copy<std::uint16_t>},
      {"<i4", Copy<std::int32_t>},
      {"<u8", Copy<std::uint64_t>},
      {"<f4", Copy<float>},
      {"<f8", Copy<double>},
      {"<c8", Copy<std::complex<float>>},
      {"<c16", Copy<std::complex<double>>},
  };
  if (dtype == "raw") return MakeRaw(to);
  copiers.at(dtype)(from, to);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    Run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "numpy_program: %s\n", error.what());
    return 1;
  }
  return 0;
}
