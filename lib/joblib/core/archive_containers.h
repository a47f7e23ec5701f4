// The standard containers for OutArchive and InArchive, included by archive.h.
//
// cereal's own functions allocate as many elements as the bytes announce. Here
// a container grows as its elements are found: a size is refused that the bytes
// left can't hold, at one byte for each element at least. Where elements are
// encoded in less, their container is filled up.
#ifndef JOBLIB_CORE_ARCHIVE_CONTAINERS_H_
#define JOBLIB_CORE_ARCHIVE_CONTAINERS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <forward_list>
#include <iterator>
#include <list>
#include <map>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <valarray>
#include <vector>

#include "joblib/core/archive.h"

namespace joblib::internal {

// Elements that travel as one block of bytes, each value being as good as any.
template <class T>
inline constexpr bool kInBlock = (std::is_arithmetic_v<T> &&
                                  !std::is_same_v<T, bool>) ||
                                 (ship_by_bytes<T> && !kStateless<T>);

// `each(element)` for all n elements.
template <class Elements, class Each>
void SaveElements(OutArchive& archive, const Elements& elements, std::size_t n,
                  Each each) {
  ByteWriter& out = archive.out();
  archive.nesting().Enter();
  out.Put(static_cast<std::uint64_t>(n));
  const std::size_t begin = out.size();
  for (const auto& element : elements) each(element);
  while (out.size() - begin < n) out.Put(std::uint8_t{0});
  archive.nesting().Leave();
}

// `begin(n)`, then `each()` n times.
template <class Begin, class Each>
void LoadElements(InArchive& archive, Begin begin, Each each) {
  ByteReader& in = archive.in();
  archive.nesting().Enter();
  const std::uint64_t n = in.GetCount(1);
  const std::size_t left = in.left();
  begin(static_cast<std::size_t>(n));
  for (std::uint64_t i = 0; i < n; ++i) each();
  const std::size_t read = left - in.left();
  if (read < n) in.Take(static_cast<std::size_t>(n) - read);
  archive.nesting().Leave();
}

// How many elements to make room for at once, of n that may not be there.
template <class Element>
std::size_t RoomFor(const ByteReader& in, std::size_t n) {
  return std::min(n, in.left() / sizeof(Element) + 1);
}

template <class Sequence>
void SaveSequence(OutArchive& archive, const Sequence& sequence) {
  SaveElements(archive, sequence, sequence.size(),
               [&](const auto& element) { archive(element); });
}
template <class Sequence>
void LoadSequence(InArchive& archive, Sequence& sequence) {
  LoadElements(
      archive, [&](std::size_t) { sequence.clear(); },
      [&] {
        sequence.emplace_back();
        archive(sequence.back());
      });
}

// n values in a row.
template <class T>
void SaveBlock(ByteWriter& out, const T* values, std::size_t n) {
  out.Put(static_cast<std::uint64_t>(n));
  out.WriteValue(values, n * sizeof(T));
}

template <class C, class Traits, class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::basic_string<C, Traits, A>& text) {
  SaveBlock(archive.out(), text.data(), text.size());
}
template <class C, class Traits, class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               std::basic_string<C, Traits, A>& text) {
  text.resize(static_cast<std::size_t>(archive.in().GetCount(sizeof(C))));
  archive.in().Read(text.data(), text.size() * sizeof(C));
}

template <class T, class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::vector<T, A>& vector) {
  if constexpr (kInBlock<T>) {
    SaveBlock(archive.out(), vector.data(), vector.size());
  } else {
    SaveSequence(archive, vector);
  }
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, std::vector<T, A>& vector) {
  if constexpr (kInBlock<T>) {
    ByteReader& in = archive.in();
    const auto n = static_cast<std::size_t>(in.GetCount(sizeof(T)));
    const std::byte* const bytes = in.Take(n * sizeof(T));
    if (std::is_trivial_v<T> &&
        reinterpret_cast<std::uintptr_t>(bytes) % alignof(T) == 0) {
      // A plain copy, which needs no elements to copy over.
      const T* const values = reinterpret_cast<const T*>(bytes);
      vector.assign(values, values + n);
    } else {
      vector.resize(n);
      if (n > 0) {
        std::memcpy(static_cast<void*>(vector.data()), bytes, n * sizeof(T));
      }
    }
  } else {
    LoadElements(
        archive,
        [&](std::size_t n) {
          vector.clear();
          vector.reserve(RoomFor<T>(archive.in(), n));
        },
        [&] {
          vector.emplace_back();
          archive(vector.back());
        });
  }
}
template <class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::vector<bool, A>& vector) {
  archive.out().Put(static_cast<std::uint64_t>(vector.size()));
  for (const bool bit : vector) PutPlain(archive.out(), bit);
}
template <class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               std::vector<bool, A>& vector) {
  vector.resize(static_cast<std::size_t>(archive.in().GetCount(1)));
  for (auto&& bit : vector) {
    bool value;
    GetPlain(archive.in(), value);
    bit = value;
  }
}

// cereal's own reads beyond an empty one.
template <class T, std::size_t n>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::array<T, n>& array) {
  if constexpr (kInBlock<T>) {
    archive.out().WriteValue(array.data(), n * sizeof(T));
  } else {
    for (const T& element : array) archive(element);
  }
}
template <class T, std::size_t n>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, std::array<T, n>& array) {
  if constexpr (kInBlock<T>) {
    archive.in().Read(array.data(), n * sizeof(T));
  } else {
    for (T& element : array) archive(element);
  }
}

template <class T, class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::deque<T, A>& deque) {
  SaveSequence(archive, deque);
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, std::deque<T, A>& deque) {
  LoadSequence(archive, deque);
}
template <class T, class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::list<T, A>& list) {
  SaveSequence(archive, list);
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, std::list<T, A>& list) {
  LoadSequence(archive, list);
}
template <class T, class A>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::forward_list<T, A>& list) {
  SaveElements(
      archive, list,
      static_cast<std::size_t>(std::distance(list.begin(), list.end())),
      [&](const T& element) { archive(element); });
}
template <class T, class A>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,
                               std::forward_list<T, A>& list) {
  auto last = list.before_begin();
  LoadElements(
      archive,
      [&](std::size_t) {
        list.clear();
        last = list.before_begin();
      },
      [&] {
        last = list.emplace_after(last);
        archive(*last);
      });
}

template <class T>
void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,
                               const std::valarray<T>& values) {
  SaveElements(archive, values, values.size(),
               [&](const T& element) { archive(element); });
}
template <class T>
void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive, std::valarray<T>& values) {
  std::deque<T> found;  // A vector<bool> has no elements to refer to.
  LoadSequence(archive, found);
  values.resize(found.size());
  std::copy(found.begin(), found.end(), std::begin(values));
}

template <class Set>
void LoadSet(InArchive& archive, Set& set) {
  LoadElements(
      archive, [&](std::size_t) { set.clear(); },
      [&] {
        typename Set::key_type key = typename Set::key_type();
        archive(key);
        set.emplace_hint(set.end(), std::move(key));
      });
}
template <class Map>
void SaveMap(OutArchive& archive, const Map& map) {
  SaveElements(archive, map, map.size(),
               [&](const auto& entry) { archive(entry.first, entry.second); });
}
template <class Map>
void LoadMap(InArchive& archive, Map& map) {
  LoadElements(
      archive, [&](std::size_t) { map.clear(); },
      [&] {
        typename Map::key_type key = typename Map::key_type();
        typename Map::mapped_type value = typename Map::mapped_type();
        archive(key, value);
        map.emplace_hint(map.end(), std::move(key), std::move(value));
      });
}

// One for each template, with its parameters: else cereal's own would be no
// less special.
#define JOBLIB_INTERNAL_LIST(...) __VA_ARGS__
#define JOBLIB_INTERNAL_SERIALIZE(Save, Load, parameters, ...)        \
  template <JOBLIB_INTERNAL_LIST parameters>                          \
  void CEREAL_SAVE_FUNCTION_NAME(OutArchive& archive,                 \
                                 const std::__VA_ARGS__& container) { \
    Save(archive, container);                                         \
  }                                                                   \
  template <JOBLIB_INTERNAL_LIST parameters>                          \
  void CEREAL_LOAD_FUNCTION_NAME(InArchive& archive,                  \
                                 std::__VA_ARGS__& container) {       \
    Load(archive, container);                                         \
  }
#define JOBLIB_INTERNAL_SET(parameters, ...) \
  JOBLIB_INTERNAL_SERIALIZE(SaveSequence, LoadSet, parameters, __VA_ARGS__)
#define JOBLIB_INTERNAL_MAP(parameters, ...) \
  JOBLIB_INTERNAL_SERIALIZE(SaveMap, LoadMap, parameters, __VA_ARGS__)
JOBLIB_INTERNAL_SET((class K, class C, class A), set<K, C, A>)
JOBLIB_INTERNAL_SET((class K, class C, class A), multiset<K, C, A>)
JOBLIB_INTERNAL_SET((class K, class H, class E, class A),
                    unordered_set<K, H, E, A>)
JOBLIB_INTERNAL_SET((class K, class H, class E, class A),
                    unordered_multiset<K, H, E, A>)
JOBLIB_INTERNAL_MAP((class K, class V, class C, class A), map<K, V, C, A>)
JOBLIB_INTERNAL_MAP((class K, class V, class C, class A), multimap<K, V, C, A>)
JOBLIB_INTERNAL_MAP((class K, class V, class H, class E, class A),
                    unordered_map<K, V, H, E, A>)
JOBLIB_INTERNAL_MAP((class K, class V, class H, class E, class A),
                    unordered_multimap<K, V, H, E, A>)
#undef JOBLIB_INTERNAL_SET
#undef JOBLIB_INTERNAL_MAP
#undef JOBLIB_INTERNAL_SERIALIZE
#undef JOBLIB_INTERNAL_LIST

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_ARCHIVE_CONTAINERS_H_
