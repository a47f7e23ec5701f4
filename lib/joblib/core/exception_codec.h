// Exceptions as bytes: thrown in a worker process, rethrown in the caller's.
//
//   EncodeException(std::current_exception(), reply);
//   std::exception_ptr error = DecodeException(reader, {task, pid, attempt});
//
// The standard library's exceptions, joblib's own and registered ones arrive
// with their own type and text and with what is nested in them, and are a
// TaskFailure too; all others arrive as RemoteError. Texts are cut, so that
// what is written stays below 56 KiB.
//
// Thread-safety: all functions.
#ifndef JOBLIB_CORE_EXCEPTION_CODEC_H_
#define JOBLIB_CORE_EXCEPTION_CODEC_H_

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "joblib/core/archive.h"
#include "joblib/core/byte_reader.h"
#include "joblib/core/byte_writer.h"
#include "joblib/core/errors.h"
#include "joblib/core/ships.h"

namespace joblib::internal {

// Throws only what the writer's sink throws.
void EncodeException(const std::exception_ptr& error, ByteWriter& out);
// Throws DecodeError.
std::exception_ptr DecodeException(ByteReader& in, const TaskFailure& who);

// An exception from another process. The text is the one it had there, whatever
// E would make of it.
template <class E>
class Traveled : public E, public TaskFailure {
 public:
  Traveled(E&& error, const std::string&, const TaskFailure& who)
      : E(std::move(error)), TaskFailure(who) {}
};
template <class E>
requires std::is_base_of_v<std::exception, E>
class Traveled<E> : public E, public TaskFailure {
 public:
  Traveled(E&& error, const std::string& text, const TaskFailure& who)
      : E(std::move(error)), TaskFailure(who), text_(text) {}
  const char* what() const noexcept override { return text_.what(); }

 private:
  std::runtime_error text_;  // A string that copies without throwing.
};
// To be made while what is nested in it is being handled.
template <class E>
class TraveledNested : public Traveled<E>, public std::nested_exception {
 public:
  using Traveled<E>::Traveled;
};

template <class E>
inline constexpr bool kCanDeriveFrom =
    std::is_class_v<E> && !std::is_final_v<E> &&
    !std::is_base_of_v<TaskFailure, E>;

// What is sent of an E beside its text, and how one is made of that.
template <class E>
struct ExceptionContent {
  static constexpr bool kHasText = std::is_base_of_v<std::exception, E>;
  static constexpr bool kOfString =
      kHasText && std::is_constructible_v<E, const std::string&>;
  static constexpr bool kOfChars =
      kHasText && std::is_constructible_v<E, const char*>;
  static_assert(
      kShips<E> || kOfString || kOfChars || std::is_default_constructible_v<E>,
      "joblib::register_exception<E>: E needs a constructor from a "
      "std::string (its what()), a default constructor, or both a serialize "
      "member and a default constructor");

  // False: this one can't be sent.
  static bool Put([[maybe_unused]] const E& error,
                  [[maybe_unused]] ByteWriter& out) {
    if constexpr (kShips<E>) {
      OutArchive archive(out);
      archive(error);
    }
    return true;
  }
  static E Get([[maybe_unused]] ByteReader& in,
               [[maybe_unused]] const std::string& text) {
    if constexpr (kShips<E>) {
      E error = E();
      InArchive archive(in);
      archive(error);
      return error;
    } else if constexpr (kOfString) {
      return E(text);
    } else if constexpr (kOfChars) {
      return E(text.c_str());
    } else {
      return E();
    }
  }
};

class ExceptionType {
 public:
  virtual ~ExceptionType() = default;
  virtual const std::type_info& type() const = 0;
  // Whether it is one of these, or derives from them.
  virtual bool Matches(const std::exception_ptr& error) const = 0;
  // Its content; false if it can't be sent.
  virtual bool Put(const std::exception_ptr& error, ByteWriter& out) const = 0;
  // To be called while what is nested in it, if `nested`, is being handled.
  virtual std::exception_ptr Make(ByteReader& content, const std::string& text,
                                  const TaskFailure& who,
                                  bool nested) const = 0;
};

template <class E>
class ExceptionTypeOf final : public ExceptionType {
 public:
  const std::type_info& type() const override { return typeid(E); }
  bool Matches(const std::exception_ptr& error) const override {
    try {
      std::rethrow_exception(error);
    } catch (const E&) {
      return true;
    } catch (...) {
      return false;
    }
  }
  bool Put(const std::exception_ptr& error, ByteWriter& out) const override {
    try {
      std::rethrow_exception(error);
    } catch (const E& e) {
      return ExceptionContent<E>::Put(e, out);
    }
  }
  std::exception_ptr Make(ByteReader& content, const std::string& text,
                          const TaskFailure& who,
                          [[maybe_unused]] bool nested) const override {
    E error = ExceptionContent<E>::Get(content, text);
    if constexpr (!kCanDeriveFrom<E>) {
      return std::make_exception_ptr(std::move(error));
    } else {
      if constexpr (!std::is_base_of_v<std::nested_exception, E>) {
        if (nested) {
          return std::make_exception_ptr(
              TraveledNested<E>(std::move(error), text, who));
        }
      }
      return std::make_exception_ptr(Traveled<E>(std::move(error), text, who));
    }
  }
};

// `type` lives for ever. A second one of the same type changes nothing.
void RegisterException(const ExceptionType& type);

template <class E>
void RegisterException() {
  static const auto* const type = new ExceptionTypeOf<E>;
  RegisterException(*type);
}

}  // namespace joblib::internal

#endif  // JOBLIB_CORE_EXCEPTION_CODEC_H_
