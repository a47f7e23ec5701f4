// What makes a program one of 50 MB.
namespace joblib::benchmarks {

extern const unsigned char kPadding[50'000'000];
// Kept by the linker, which drops what nothing refers to.
[[gnu::used, gnu::retain]] const unsigned char kPadding[50'000'000] = {1};

}  // namespace joblib::benchmarks
