// Random: numbers that are the same with every compiler, standard library and
// word size, which those of std's distributions and std::shuffle are not.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_RANDOM_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_RANDOM_H_

#include <cstdint>

namespace forest {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
// generators", 2014). A value; not for several threads at once.
class Random {
 public:
  // Streams of one seed are unrelated to each other: both numbers are mixed,
  // as a sequence begun one increment later would be the same one, shifted.
  Random(std::uint64_t seed, std::uint64_t stream)
      : state_(Mix(Mix(seed) + stream)) {}

  // Uniform in 0 .. bound - 1, but for a bias below bound / 2^32. bound >= 1.
  std::uint32_t Below(std::uint32_t bound) {
    state_ += kIncrement;
    return static_cast<std::uint32_t>(((Mix(state_) >> 32) * bound) >> 32);
  }

 private:
  static constexpr std::uint64_t kIncrement = 0x9e3779b97f4a7c15;

  static std::uint64_t Mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

}  // namespace forest

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_RANDOM_H_
