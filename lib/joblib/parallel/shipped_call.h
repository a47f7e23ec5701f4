// A delayed call as bytes, and back.
//
//   EncodeCall(call, writer);                // In the caller's process.
//   RunShipped<Call>(reader, result);        // In the worker.
//   R value = DecodeResult<R>(reader);       // In the caller's process.
//
// The bytes are those of the function and of the arguments, one after another:
// what they are is known from Call.
//
// Errors: PicklingError, DecodeError, and what a user's serialize throws when
// it reads.
#ifndef JOBLIB_PARALLEL_SHIPPED_CALL_H_
#define JOBLIB_PARALLEL_SHIPPED_CALL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "joblib/core/archive.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/errors.h"
#include "joblib/core/shipped_runner.h"
#include "joblib/core/ships.h"
#include "joblib/delayed.h"

namespace joblib::internal {

// ---- Which calls can travel.

template <class T>
inline constexpr bool kText =
    std::is_same_v<T, const char*> || std::is_same_v<T, char*>;

template <class T>
inline constexpr bool kByItsBytes =
    ship_by_bytes<T>&& std::is_trivially_copyable_v<T>;
template <class T>
inline constexpr bool kTravelsAsIs = kText<T> || kByItsBytes<T>;

// As a part of a call, more can travel than as a value within another one.
template <class T>
struct PartShipping : ElementShipping<T, Types<>> {};
template <class T>
requires kTravelsAsIs<T>
struct PartShipping<T> : NoObstacle<T> {
};
template <class F>
struct PartShipping<NonPicklable<F>>
    : std::conditional_t<std::is_trivially_copyable_v<F> &&
                             !std::is_pointer_v<F>,
                         NoObstacle<F>, ElementShipping<F, Types<>>> {};
// A closure by its bytes; what can travel by itself does so.
template <class F>
inline constexpr bool kByBytes = !kShips<F>;

template <class R>
struct ResultShipping : ElementShipping<R, Types<>> {};
template <class R>
requires kByItsBytes<R>
struct ResultShipping<R> : NoObstacle<R> {
};
template <>
struct ResultShipping<void> : NoObstacle<void> {};

template <class Call>
inline constexpr bool kShipsCall = false;
template <class F, class... Args>
inline constexpr bool kShipsCall<DelayedCall<F, Args...>> =
    PartShipping<F>::obstacle == Obstacle::kNone &&
    ((PartShipping<Args>::obstacle == Obstacle::kNone) && ...) &&
    ResultShipping<typename DelayedCall<F, Args...>::result_type>::obstacle
        == Obstacle::kNone;

// ---- Writing.

template <class T>
inline constexpr bool kNeedsArchive = !kPlain<T> && !kText<T>;
template <class F>
inline constexpr bool kNeedsArchive<NonPicklable<F>> =
    !kByBytes<F> && kNeedsArchive<F>;

struct NoArchive {
  explicit NoArchive(ByteWriter&) {}
  explicit NoArchive(ByteReader&) {}
};

template <class T, class Archive>
void PutPart(ByteWriter& out, Archive& archive, const T& part) {
  if constexpr (kText<T>) {
    PutPlain(out, part != nullptr);
    if (part != nullptr) SaveBlock(out, part, std::strlen(part));
  } else if constexpr (kPlain<T>) {
    PutPlain(out, part);
  } else {
    archive(part);
  }
}
template <class F, class Archive>
void PutPart(ByteWriter& out, Archive& archive, const NonPicklable<F>& part) {
  if constexpr (kByBytes<F>) {
    out.Write(&part, sizeof part);
  } else {
    PutPart(out, archive, CallParts::Wrapped(part));
  }
}

template <class Call>
struct CallCodec;

template <class F, class... Args>
struct CallCodec<DelayedCall<F, Args...>> {
  using Call = DelayedCall<F, Args...>;
  static constexpr int kArguments = static_cast<int>(sizeof...(Args));
  static constexpr bool kWithArchive =
      kNeedsArchive<F> || (kNeedsArchive<Args> || ...);

  static void Encode(const Call& call, ByteWriter& out) {
    int part = 0;
    try {
      std::conditional_t<kWithArchive, OutArchive, NoArchive> archive(out);
      PutPart(out, archive, CallParts::Function(call));
      std::apply(
          [&](const Args&... args) {
            ((++part, PutPart(out, archive, args)), ...);
          },
          CallParts::Arguments(call));
    } catch (const PicklingError&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      ThrowSerializeFailed(part, kArguments, error.what());
    }
  }
  [[noreturn]] static void ThrowCantShip() {
    CantShip why;
    why.n_arguments = kArguments;
    Look<PartShipping<F>, F>(0, &why);
    int part = 0;
    (Look<PartShipping<Args>, Args>(++part, &why), ...);
    Look<ResultShipping<typename Call::result_type>,
         typename Call::result_type>(-1, &why);
    internal::ThrowCantShip(why);
  }

 private:
  template <class Shipping, class Part>
  static void Look(int part, CantShip* why) {
    if (Shipping::obstacle == Obstacle::kNone || why->type != nullptr) return;
    why->part = part;
    why->type = &typeid(Part);
    why->culprit = &typeid(typename Shipping::Culprit);
    why->obstacle = Shipping::obstacle;
  }
};

template <class Call>
void EncodeCall(const Call& call, ByteWriter& out) {
  CallCodec<Call>::Encode(call, out);
}

// ---- Reading.

template <class T>
inline constexpr bool kReadAsBytes = ship_by_bytes<T> && !kStateless<T>;
template <class F>
inline constexpr bool kByItself = !kByBytes<F>;

// Room for a part of a call; `value()` once it is read.
template <class T>
class ReadPart {
 public:
  template <class Archive>
  void Get(ByteReader& in, Archive& archive) {
    if constexpr (kPlain<T>) {
      GetPlain(in, value_);
    } else {
      archive(value_);
    }
  }
  T& value() { return value_; }

 private:
  T value_ = T();
};

template <class T>
requires kText<T>
class ReadPart<T> {
 public:
  template <class Archive>
  void Get(ByteReader& in, Archive&) {
    bool is_there;
    GetPlain(in, is_there);
    if (!is_there) return;
    text_ = in.GetText();
    value_ = text_.data();
  }
  T& value() { return value_; }

 private:
  std::string text_;
  T value_ = nullptr;
};

// Its bytes make the object.
template <class T>
class ReadBytes {
 public:
  template <class Archive>
  void Get(ByteReader& in, Archive&) {
    static_assert(std::is_trivially_copyable_v<T>);
    in.Read(bytes_, sizeof bytes_);
  }
  T& value() { return *std::launder(reinterpret_cast<T*>(bytes_)); }

 private:
  alignas(T) std::byte bytes_[sizeof(T)];
};

template <class T>
requires kReadAsBytes<T>
class ReadPart<T> : public ReadBytes<T> {
};

template <class F>
requires kByBytes<F>
class ReadPart<NonPicklable<F>> : public ReadBytes<NonPicklable<F>> {
};

template <class F>
requires kByItself<F>
class ReadPart<NonPicklable<F>> {
 public:
  template <class Archive>
  void Get(ByteReader& in, Archive& archive) {
    ReadPart<F> inner;
    inner.Get(in, archive);
    value_.emplace(std::move(inner.value()));
  }
  NonPicklable<F>& value() { return *value_; }

 private:
  std::optional<NonPicklable<F>> value_;
};

template <class Call>
struct ReadCall;

template <class F, class... Args>
struct ReadCall<DelayedCall<F, Args...>> {
  using Codec = CallCodec<DelayedCall<F, Args...>>;

  explicit ReadCall(ByteReader& in) {
    try {
      std::conditional_t<Codec::kWithArchive, InArchive, NoArchive> archive(in);
      function.Get(in, archive);
      std::apply([&](auto&... part) { (part.Get(in, archive), ...); },
                 arguments);
    } catch (const cereal::Exception& error) {
      throw DecodeError(error.what());
    } catch (const DecodeError&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {
      throw BrokenProcessPool(UnserializeText(error.what()));
    }
  }
  decltype(auto) Run() {
    return std::apply(
        [this](ReadPart<Args>&... args) -> decltype(auto) {
          return std::invoke(function.value(),
                             Passed<Args>::Pass(args.value())...);
        },
        arguments);
  }

  ReadPart<F> function;
  std::tuple<ReadPart<Args>...> arguments;
};

template <class R>
void EncodeResult(const R& result, ByteWriter& out) {
  out.sink()->BeforeResult();
  try {
    std::conditional_t<kNeedsArchive<R>, OutArchive, NoArchive> archive(out);
    PutPart(out, archive, result);
  } catch (const PicklingError&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    ThrowSerializeFailed(-1, 0, error.what());
  }
}

template <class R>
R DecodeResult(ByteReader& in) {
  try {
    if constexpr (ship_by_bytes<R> && !std::is_default_constructible_v<R>) {
      NoArchive none(in);
      ReadBytes<R> bytes;
      bytes.Get(in, none);
      return bytes.value();
    } else {
      R result = R();
      if constexpr (kPlain<R>) {
        GetPlain(in, result);
      } else {
        InArchive archive(in);
        archive(result);
      }
      return result;
    }
  } catch (const cereal::Exception& error) {
    throw DecodeError(error.what());
  }
}

// ShippedRunner::run.
template <class Call>
void RunShipped(ByteReader& in, ByteWriter& out) {
  // Not too much for the stack of a thread.
  constexpr std::size_t kMaxOnStack = std::size_t{16} << 10;
  const auto run = [](ReadCall<Call>& call,
                      [[maybe_unused]] ByteWriter& result) {
    if constexpr (std::is_void_v<typename Call::result_type>) {
      call.Run();
    } else {
      EncodeResult<typename Call::result_type>(call.Run(), result);
    }
  };
  if constexpr (sizeof(ReadCall<Call>) > kMaxOnStack) {
    const auto call = std::make_unique<ReadCall<Call>>(in);
    run(*call, out);
  } else {
    ReadCall<Call> call(in);
    run(call, out);
  }
}

// Hidden: each library has its own, and can be unloaded.
template <class Call>
[[gnu::visibility("hidden")]] inline constexpr ShippedRunner kShippedRunner = {
    ShippedRunner::kMark, &RunShipped<Call>};

}  // namespace joblib::internal

#endif  // JOBLIB_PARALLEL_SHIPPED_CALL_H_
