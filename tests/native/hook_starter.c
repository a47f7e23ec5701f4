// In a worker, before anything of joblib's could run there: starts the program
// with the argument that HOOK_STARTER is, or forks off a copy of the worker if
// that is "fork". Waits for its end.

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

__attribute__((constructor)) static void StartInWorker(void) {
  const char* const what = getenv("HOOK_STARTER");
  if (what == NULL || getenv("JOBLIB_WORKER") == NULL) return;
  const pid_t child = fork();
  if (child == 0) {
    if (strcmp(what, "fork") == 0) return;
    char* const argument = strdup(what);
    unsetenv("HOOK_STARTER");
    execl("/proc/self/exe", "program", argument, (char*)NULL);
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
}
