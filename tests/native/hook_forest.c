/* A library that uses the one with the hook. */

int RunHookPlugin(void);

int PlantForest(void) { return RunHookPlugin(); }
