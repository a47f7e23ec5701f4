/* A program that knows nothing of the hook: it loads a library. */

#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char** argv) {
  void* const plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  int (*run)(void) = NULL;
  if (plugin != NULL) *(void**)&run = dlsym(plugin, "RunHookPlugin");
  if (run == NULL) {
    fprintf(stderr, "hook_foreign: %s\n", dlerror());
    return 40;
  }
  return run();
}
