// The names are the compiler's; what they should read as is what the runtime's
// own demangler makes of them.
#include "wasm/bindings/type_demangler.h"

#include <cxxabi.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <typeinfo>
#include <variant>
#include <vector>

#include "gtest/gtest.h"

namespace outer::inner {
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};
template <class... T>
struct Pack {};
template <class T, bool kYes, int kCount, unsigned long kSize>
struct Numbers {
  struct Within {};
};
}  // namespace outer::inner

namespace joblib::wasm::internal {
namespace {

struct Hidden {};

std::string RuntimeDemangled(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  std::string text = status == 0 ? name.get() : "not demangled";
  // Some write "> >", some ">>".
  for (std::size_t at; (at = text.find(" >")) != std::string::npos;) {
    text.erase(at, 1);
  }
  return text;
}

template <class T>
class TypeDemanglerTest : public testing::Test {};

using Names = testing::Types<
    int, unsigned char, long long, double, std::runtime_error, std::bad_alloc,
    outer::inner::Error, Hidden, std::string, std::vector<std::string>,
    std::vector<std::vector<Hidden>>,
    std::map<std::string, std::vector<double>>,
    std::map<outer::inner::Error, outer::inner::Error*>,
    std::variant<int, std::string, std::vector<std::string>>, std::tuple<>,
    std::tuple<std::string, std::string, const char*>, std::function<void()>,
    std::function<int(const std::string&, Hidden&&)>,
    std::shared_ptr<const Hidden>, outer::inner::Pack<>,
    outer::inner::Pack<int, outer::inner::Pack<>, char>,
    outer::inner::Numbers<int, true, -3, 7>,
    outer::inner::Numbers<Hidden, false, 12, 0>::Within>;
TYPED_TEST_SUITE(TypeDemanglerTest, Names);

TYPED_TEST(TypeDemanglerTest, ReadsAsTheRuntimeDoes) {
  const char* const mangled = typeid(TypeParam).name();
  EXPECT_EQ(DemangledType(mangled), RuntimeDemangled(mangled)) << mangled;
}

TEST(TypeDemangler, ReadsTheNamesOfLibcxx) {
  EXPECT_EQ(DemangledType("NSt3__26vectorINS_12basic_stringIcNS_11char_traitsIc"
                          "EENS_9allocatorIcEEEENS4_IS6_EEEE"),
            "std::__2::vector<std::__2::basic_string<char, "
            "std::__2::char_traits<char>, std::__2::allocator<char>>, "
            "std::__2::allocator<std::__2::basic_string<char, "
            "std::__2::char_traits<char>, std::__2::allocator<char>>>>");
}

TEST(TypeDemangler, LeavesAloneWhatIsNoTypeItKnows) {
  struct Local {};
  EXPECT_EQ(DemangledType(typeid(Local).name()), std::nullopt);
  for (const char* text : {"", "N", "N1a", "9abc", "S_", "St", "NSt3__2", "1aI",
                           "1aIS9_E", "1aILi", "P", "PFvvE", "k", "ii",
                           "99999999999999999999a", "1a1b", "_Z1fv"}) {
    EXPECT_EQ(DemangledType(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace joblib::wasm::internal
