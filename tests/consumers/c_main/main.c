#include <stdio.h>

int work_check(void);

int main(void) {
  if (work_check() != 0) return 1;
  puts("ok");
  return 0;
}
