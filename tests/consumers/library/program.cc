// Knows nothing of joblib.
#include <scaler.h>

#include <cstdio>

int main() {
  int computed_here = -1;
  const std::vector<double> ys = Scaled({1, 2, 3}, 10, computed_here);
  if (ys != std::vector<double>{10, 20, 30} || computed_here != 0) return 1;
  std::puts("ok");
}
