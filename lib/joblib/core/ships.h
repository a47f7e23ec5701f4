// Which types can travel to another process, known at compile time.
//
//   static_assert(kShips<std::map<std::string, std::vector<double>>>);
//
// cereal's own traits look at the outermost type alone: they say yes to a
// vector of what nothing can serialize. These look inside, and never make a
// program ill-formed whose types can't travel.
#ifndef JOBLIB_CORE_SHIPS_H_
#define JOBLIB_CORE_SHIPS_H_

#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <stack>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <variant>
#include <vector>

#include "joblib/core/archive.h"
#include "joblib/core/plain_value.h"

namespace joblib {
template <class T>
class Shared;

namespace internal {

// What keeps a type from travelling.
enum class Obstacle {
  kNone,
  kPointer,      // To memory of this process.
  kReference,    // std::reference_wrapper.
  kView,         // std::string_view.
  kAnyFunction,  // std::function.
  kNoSerialize,
  kNonConstSave,
  kOnlyOfBase,  // The serialize of a base class, which leaves out members.
  kNoDefault,   // Can't be made before it is read.
  kComparison,  // A container whose comparison or hash has a state.
};

template <class... T>
struct Types {};
template <class T, class List>
inline constexpr bool kIn = false;
template <class T, class... List>
inline constexpr bool kIn<T, Types<List...>> = (std::is_same_v<T, List> || ...);

template <Obstacle kWhat, class T>
struct Found {
  static constexpr Obstacle obstacle = kWhat;
  using Culprit = T;  // The type that has it, T or one within it.
};
template <class T>
using NoObstacle = Found<Obstacle::kNone, T>;

// Outer: the types that are being looked at, for those that contain themselves.
template <class T, class Outer = Types<>>
struct Shipping;

// The first of them that has an obstacle.
template <class... Found>
struct FirstFound : NoObstacle<void> {};
template <class First, class... Rest>
struct FirstFound<First, Rest...>
    : std::conditional_t<First::obstacle != Obstacle::kNone, First,
                         FirstFound<Rest...>> {};

template <class T>
inline constexpr bool kMadeFirst = std::is_default_constructible_v<T>;

// A value that is made first and then read.
template <class T, class Outer>
struct ElementShipping
    : std::conditional_t<Shipping<T, Outer>::obstacle == Obstacle::kNone &&
                             !kMadeFirst<T>,
                         Found<Obstacle::kNoDefault, T>, Shipping<T, Outer>> {};
template <class T, class Outer>
requires kIn<T, Outer>
struct ElementShipping<T, Outer> : NoObstacle<T> {
};

// What a smart pointer points to.
template <class T>
constexpr auto Unmade() {
  if constexpr (std::is_abstract_v<T>) {
    // Which classes it stands for shows at run time: CEREAL_REGISTER_TYPE.
    return NoObstacle<T>();
  } else if constexpr (!kMadeFirst<T> &&
                       !cereal::traits::has_load_and_construct<
                           T, InArchive>::value) {
    return Found<Obstacle::kNoDefault, T>();
  }
}
template <class T, class Outer>
struct PointeeShipping
    : std::conditional_t<std::is_void_v<decltype(Unmade<T>())>,
                         Shipping<T, Outer>, decltype(Unmade<T>())> {};

template <class... T>
struct ComparisonShipping
    : FirstFound<std::conditional_t<kStateless<T>, NoObstacle<T>,
                                    Found<Obstacle::kComparison, T>>...> {};

// The standard template that a class derives from: its serialization is taken
// for the class's own.
template <class... T>
std::deque<T...> StdBase(const std::deque<T...>*);
template <class... T>
std::forward_list<T...> StdBase(const std::forward_list<T...>*);
template <class... T>
std::list<T...> StdBase(const std::list<T...>*);
template <class... T>
std::map<T...> StdBase(const std::map<T...>*);
template <class... T>
std::multimap<T...> StdBase(const std::multimap<T...>*);
template <class... T>
std::set<T...> StdBase(const std::set<T...>*);
template <class... T>
std::multiset<T...> StdBase(const std::multiset<T...>*);
template <class... T>
std::unordered_map<T...> StdBase(const std::unordered_map<T...>*);
template <class... T>
std::unordered_multimap<T...> StdBase(const std::unordered_multimap<T...>*);
template <class... T>
std::unordered_set<T...> StdBase(const std::unordered_set<T...>*);
template <class... T>
std::unordered_multiset<T...> StdBase(const std::unordered_multiset<T...>*);
template <class... T>
std::vector<T...> StdBase(const std::vector<T...>*);
template <class... T>
std::basic_string<T...> StdBase(const std::basic_string<T...>*);
template <class... T>
std::optional<T...> StdBase(const std::optional<T...>*);
template <class... T>
std::pair<T...> StdBase(const std::pair<T...>*);
template <class... T>
std::tuple<T...> StdBase(const std::tuple<T...>*);
template <class... T>
std::variant<T...> StdBase(const std::variant<T...>*);
template <class... T>
std::shared_ptr<T...> StdBase(const std::shared_ptr<T...>*);
template <class... T>
std::unique_ptr<T...> StdBase(const std::unique_ptr<T...>*);
template <class... T>
std::valarray<T...> StdBase(const std::valarray<T...>*);
template <class T, std::size_t n>
std::array<T, n> StdBase(const std::array<T, n>*);

template <class T>
concept HasStdBase = requires(const T* t) {
  StdBase(t);
};
template <class T>
using StdBaseOf = decltype(StdBase(static_cast<const T*>(nullptr)));

// The class whose member it is.
template <class Class, class R, class... A>
Class OwnerOf(R (Class::*)(A...));
template <class Class, class R, class... A>
Class OwnerOf(R (Class::*)(A...) const);
template <class T>
concept InheritsSerialize = requires {
  requires sizeof(T) >
      sizeof(OwnerOf(&T::template CEREAL_SERIALIZE_FUNCTION_NAME<OutArchive>));
};
template <class T>
concept InheritsSave = requires {
  requires sizeof(T) >
      sizeof(OwnerOf(&T::template CEREAL_SAVE_FUNCTION_NAME<OutArchive>));
};

// cereal's traits refuse the whole program then, though it may be no
// serialization at all.
template <class T>
concept NonConstSave = requires(OutArchive& archive, T& t) {
  t.CEREAL_SAVE_FUNCTION_NAME(archive);
}
&&!requires(OutArchive & archive, const T& t) {
  t.CEREAL_SAVE_FUNCTION_NAME(archive);
};

template <class T>
concept MapLike = requires {
  typename T::key_type;
  typename T::mapped_type;
};

// A class of the user's.
template <class T, class Outer>
constexpr auto ClassShipping() {
  if constexpr (std::is_abstract_v<T>) {
    return Found<Obstacle::kNoSerialize, T>();
  } else if constexpr (NonConstSave<T>) {
    return Found<Obstacle::kNonConstSave, T>();
  } else if constexpr (!cereal::traits::is_output_serializable<
                           T, OutArchive>::value ||
                       !cereal::traits::is_input_serializable<
                           T, InArchive>::value) {
    return Found<Obstacle::kNoSerialize, T>();
  } else if constexpr (cereal::traits::is_specialized<T, OutArchive>::value) {
    return NoObstacle<T>();
  } else if constexpr (InheritsSerialize<T> || InheritsSave<T>) {
    return Found<Obstacle::kOnlyOfBase, T>();
  } else if constexpr (HasStdBase<T>) {
    if constexpr (sizeof(T) != sizeof(StdBaseOf<T>)) {
      return Found<Obstacle::kOnlyOfBase, T>();
    } else {
      return FirstFound<Shipping<StdBaseOf<T>, Outer>>();
    }
  } else if constexpr (MapLike<T>) {
    return FirstFound<ElementShipping<typename T::key_type, Outer>,
                      ElementShipping<typename T::mapped_type, Outer>>();
  } else {
    return NoObstacle<T>();
  }
}
template <class T, class Outer>
struct AndOuter;
template <class T, class... Outer>
struct AndOuter<T, Types<Outer...>> {
  using type = Types<T, Outer...>;
};

template <class T>
inline constexpr bool kOtherPointer = std::is_pointer_v<T> && !kPlain<T>;

template <class T, class Outer>
struct Shipping
    : decltype(ClassShipping<T, typename AndOuter<T, Outer>::type>()) {};

template <class T, class Outer>
requires kIn<T, Outer>
struct Shipping<T, Outer> : NoObstacle<T> {
};
template <class T, class Outer>
requires kPlain<T>
struct Shipping<T, Outer> : NoObstacle<T> {
  static_assert(!ship_by_bytes<T> || std::is_trivially_copyable_v<T>,
                "joblib::ship_by_bytes<T> needs a trivially copyable T");
};
template <class T, class Outer>
requires kOtherPointer<T>
struct Shipping<T, Outer> : Found<Obstacle::kPointer, T> {
};
template <class T, class Outer>
struct Shipping<std::reference_wrapper<T>, Outer>
    : Found<Obstacle::kReference, std::reference_wrapper<T>> {};
template <class... T, class Outer>
struct Shipping<std::basic_string_view<T...>, Outer>
    : Found<Obstacle::kView, std::basic_string_view<T...>> {};
template <class T, class Outer>
struct Shipping<std::function<T>, Outer>
    : Found<Obstacle::kAnyFunction, std::function<T>> {};

template <class T, std::size_t n, class Outer>
struct Shipping<T[n], Outer> : Shipping<T, Outer> {};
template <class T, std::size_t n, class Outer>
struct Shipping<std::array<T, n>, Outer> : Shipping<T, Outer> {};
template <class T, class Outer>
struct Shipping<std::atomic<T>, Outer> : ElementShipping<T, Outer> {};
template <std::size_t n, class Outer>
struct Shipping<std::bitset<n>, Outer> : NoObstacle<std::bitset<n>> {};
template <class T, class Outer>
struct Shipping<std::complex<T>, Outer> : Shipping<T, Outer> {};
template <class R, class P, class Outer>
struct Shipping<std::chrono::duration<R, P>, Outer> : Shipping<R, Outer> {};
template <class C, class D, class Outer>
struct Shipping<std::chrono::time_point<C, D>, Outer> : Shipping<D, Outer> {};
template <class C, class R, class A, class Outer>
struct Shipping<std::basic_string<C, R, A>, Outer> : Shipping<C, Outer> {};

template <class T, class A, class Outer>
struct Shipping<std::vector<T, A>, Outer> : ElementShipping<T, Outer> {};
template <class T, class A, class Outer>
struct Shipping<std::deque<T, A>, Outer> : ElementShipping<T, Outer> {};
template <class T, class A, class Outer>
struct Shipping<std::list<T, A>, Outer> : ElementShipping<T, Outer> {};
template <class T, class A, class Outer>
struct Shipping<std::forward_list<T, A>, Outer> : ElementShipping<T, Outer> {};
template <class T, class Outer>
struct Shipping<std::valarray<T>, Outer> : ElementShipping<T, Outer> {};
template <class T, class C, class Outer>
struct Shipping<std::queue<T, C>, Outer> : ElementShipping<C, Outer> {};
template <class T, class C, class Outer>
struct Shipping<std::stack<T, C>, Outer> : ElementShipping<C, Outer> {};
template <class T, class C, class Comp, class Outer>
struct Shipping<std::priority_queue<T, C, Comp>, Outer>
    : FirstFound<ElementShipping<C, Outer>, ElementShipping<Comp, Outer>> {};

template <class K, class C, class A, class Outer>
struct Shipping<std::set<K, C, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ComparisonShipping<C>> {};
template <class K, class C, class A, class Outer>
struct Shipping<std::multiset<K, C, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ComparisonShipping<C>> {};
template <class K, class H, class E, class A, class Outer>
struct Shipping<std::unordered_set<K, H, E, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ComparisonShipping<H, E>> {};
template <class K, class H, class E, class A, class Outer>
struct Shipping<std::unordered_multiset<K, H, E, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ComparisonShipping<H, E>> {};
template <class K, class V, class C, class A, class Outer>
struct Shipping<std::map<K, V, C, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ElementShipping<V, Outer>,
                 ComparisonShipping<C>> {};
template <class K, class V, class C, class A, class Outer>
struct Shipping<std::multimap<K, V, C, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ElementShipping<V, Outer>,
                 ComparisonShipping<C>> {};
template <class K, class V, class H, class E, class A, class Outer>
struct Shipping<std::unordered_map<K, V, H, E, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ElementShipping<V, Outer>,
                 ComparisonShipping<H, E>> {};
template <class K, class V, class H, class E, class A, class Outer>
struct Shipping<std::unordered_multimap<K, V, H, E, A>, Outer>
    : FirstFound<ElementShipping<K, Outer>, ElementShipping<V, Outer>,
                 ComparisonShipping<H, E>> {};

template <class A, class B, class Outer>
struct Shipping<std::pair<A, B>, Outer>
    : FirstFound<Shipping<A, Outer>, Shipping<B, Outer>> {};
template <class... T, class Outer>
struct Shipping<std::tuple<T...>, Outer> : FirstFound<Shipping<T, Outer>...> {};
template <class T, class Outer>
struct Shipping<std::optional<T>, Outer> : ElementShipping<T, Outer> {};
template <class... T, class Outer>
struct Shipping<std::variant<T...>, Outer>
    : FirstFound<ElementShipping<T, Outer>...> {};

template <class T, class Outer>
struct Shipping<std::shared_ptr<T>, Outer>
    : PointeeShipping<std::remove_const_t<T>, Outer> {};
template <class T, class Outer>
struct Shipping<std::weak_ptr<T>, Outer>
    : PointeeShipping<std::remove_const_t<T>, Outer> {};
template <class T, class Outer>
struct Shipping<std::unique_ptr<T>, Outer>
    : PointeeShipping<std::remove_const_t<T>, Outer> {};
template <class T, class D, class Outer>
struct Shipping<std::unique_ptr<T, D>, Outer>
    : Found<Obstacle::kNoSerialize, std::unique_ptr<T, D>> {};
template <class T, class Outer>
struct Shipping<std::unique_ptr<T[]>, Outer>
    : Found<Obstacle::kNoSerialize, std::unique_ptr<T[]>> {};
template <class T, class Outer>
struct Shipping<std::shared_ptr<T[]>, Outer>
    : Found<Obstacle::kNoSerialize, std::shared_ptr<T[]>> {};

template <class T, class Outer>
struct Shipping<Shared<T>, Outer> : ElementShipping<T, Outer> {};

// Whether a value can be sent, and made anew from its bytes.
template <class T>
inline constexpr bool kShips = ElementShipping<T, Types<>>::obstacle ==
                                   Obstacle::kNone ||
                               (ship_by_bytes<T> &&
                                std::is_trivially_copyable_v<T>);

// Why a call can't travel.
struct CantShip {
  int part = 0;  // 0: the function; n: argument n; -1: the result.
  int n_arguments = 0;
  const std::type_info* type = nullptr;     // Of the part.
  const std::type_info* culprit = nullptr;  // The same, or within it.
  Obstacle obstacle = Obstacle::kNone;
};
[[noreturn]] void ThrowCantShip(const CantShip& why);
// What was thrown while `part` was written, as a PicklingError: to be called
// while it is caught.
[[noreturn]] void ThrowSerializeFailed(int part, int n_arguments,
                                       const char* what);

}  // namespace internal
}  // namespace joblib

#endif  // JOBLIB_CORE_SHIPS_H_
