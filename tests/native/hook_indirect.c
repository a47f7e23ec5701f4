/* A program that knows nothing of the hook, but of a library that uses it. */

int PlantForest(void);

int main(void) { return PlantForest(); }
