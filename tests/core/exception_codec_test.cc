#include "joblib/core/exception_codec.h"

#include <any>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <ios>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "joblib/core/errors.h"
#include "joblib/core/type_name.h"

namespace joblib::internal {
namespace {

std::string Encoded(const std::exception_ptr& error) {
  HeapBytes bytes;
  EncodeException(error, bytes.writer());
  return bytes.Text();
}

std::exception_ptr ThereAndBack(const std::exception_ptr& error) {
  const std::string bytes = Encoded(error);
  ByteReader in(bytes.data(), bytes.size());
  const std::exception_ptr back = DecodeException(in, TaskFailure(7, 1234, 2));
  EXPECT_EQ(in.left(), 0u);
  return back;
}

template <class E>
std::exception_ptr Sent(E error) {
  return ThereAndBack(std::make_exception_ptr(std::move(error)));
}

// Caught as E, as std::exception and as TaskFailure.
template <class E>
void ExpectArrivesAsItself(const E& error) {
  const std::exception_ptr back = Sent(error);
  EXPECT_THROW(std::rethrow_exception(back), E);
  try {
    std::rethrow_exception(back);
  } catch (const std::exception& e) {
    EXPECT_STREQ(e.what(), error.what());
    EXPECT_NE(dynamic_cast<const E*>(&e), nullptr) << typeid(e).name();
  }
  try {
    std::rethrow_exception(back);
  } catch (const TaskFailure& failure) {
    EXPECT_EQ(failure.task_index(), 7);
    EXPECT_EQ(failure.worker_pid(), 1234);
    EXPECT_EQ(failure.attempt(), 2);
  }
  // And once more: the task's own call of Parallel was one on processes.
  EXPECT_THROW(std::rethrow_exception(ThereAndBack(back)), E);
}

TEST(ExceptionCodecTest, StandardExceptionsArriveAsThemselves) {
  ExpectArrivesAsItself(std::exception());
  ExpectArrivesAsItself(std::logic_error("a"));
  ExpectArrivesAsItself(std::domain_error("a"));
  ExpectArrivesAsItself(std::invalid_argument("a"));
  ExpectArrivesAsItself(std::length_error("a"));
  ExpectArrivesAsItself(std::out_of_range("a"));
  ExpectArrivesAsItself(std::runtime_error(""));
  ExpectArrivesAsItself(std::range_error("a"));
  ExpectArrivesAsItself(std::overflow_error("a"));
  ExpectArrivesAsItself(std::underflow_error("a"));
  ExpectArrivesAsItself(std::ios_base::failure("a"));
  ExpectArrivesAsItself(std::future_error(std::future_errc::no_state));
  ExpectArrivesAsItself(std::regex_error(std::regex_constants::error_brack));
  ExpectArrivesAsItself(std::bad_alloc());
  ExpectArrivesAsItself(std::bad_array_new_length());
  ExpectArrivesAsItself(std::bad_cast());
  ExpectArrivesAsItself(std::bad_any_cast());
  ExpectArrivesAsItself(std::bad_typeid());
  ExpectArrivesAsItself(std::bad_exception());
  ExpectArrivesAsItself(std::bad_function_call());
  ExpectArrivesAsItself(std::bad_weak_ptr());
  ExpectArrivesAsItself(std::bad_optional_access());
  ExpectArrivesAsItself(std::bad_variant_access());
}

TEST(ExceptionCodecTest, WhatTheLanguageThrowsArrivesAsItself) {
  const auto thrown = [](auto f) {
    try {
      f();
    } catch (...) {
      return ThereAndBack(std::current_exception());
    }
    return std::exception_ptr();
  };
  EXPECT_THROW(
      std::rethrow_exception(thrown([] { return std::string().at(1); })),
      std::out_of_range);
  EXPECT_THROW(std::rethrow_exception(thrown([] { return std::stoi("x"); })),
               std::invalid_argument);
  EXPECT_THROW(std::rethrow_exception(
                   thrown([] { return std::optional<int>().value(); })),
               std::bad_optional_access);
}

TEST(ExceptionCodecTest, SystemErrorsKeepTheirCode) {
  const std::error_code code = std::make_error_code(std::errc::timed_out);
  ExpectArrivesAsItself(std::system_error(code, "reading"));
  ExpectArrivesAsItself(
      std::system_error(2, std::system_category(), "opening"));
  try {
    std::rethrow_exception(Sent(std::system_error(code, "reading")));
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code(), std::errc::timed_out);
    EXPECT_EQ(e.code().category(), std::generic_category());
  }
  std::filesystem::filesystem_error error("opening", "/from", "/to", code);
  ExpectArrivesAsItself(error);
  try {
    std::rethrow_exception(Sent(error));
  } catch (const std::filesystem::filesystem_error& e) {
    EXPECT_EQ(e.path1(), "/from");
    EXPECT_EQ(e.path2(), "/to");
    EXPECT_EQ(e.code(), code);
  }
}

class OtherCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "other"; }
  std::string message(int) const override { return "message"; }
};

TEST(ExceptionCodecTest, AnErrorCodeOfAnUnknownCategoryStaysText) {
  static const OtherCategory category;
  try {
    std::rethrow_exception(Sent(std::system_error(1, category, "a")));
  } catch (const RemoteError& e) {
    EXPECT_EQ(e.type_name(), "std::system_error");
    EXPECT_STREQ(e.what(), "a: message");
  }
}

TEST(ExceptionCodecTest, JoblibsErrorsArriveAsThemselves) {
  ExpectArrivesAsItself(BrokenProcessPool("a"));
  ExpectArrivesAsItself(PicklingError("a"));
  ExpectArrivesAsItself(TimeoutError("a"));
  ExpectArrivesAsItself(CancelledError("a"));
  ExpectArrivesAsItself(TerminatedWorkerError("a", 3, 11, 0, 5));
  try {
    std::rethrow_exception(Sent(TerminatedWorkerError("a", 3, 11, 1, 5)));
  } catch (const TerminatedWorkerError& e) {
    EXPECT_EQ(e.task_index(), 3);
    EXPECT_EQ(e.signal(), 11);
    EXPECT_EQ(e.exit_code(), 1);
    EXPECT_EQ(e.completed(), 5);
  }
}

// ---- Types that nobody registered.

struct Unregistered : std::out_of_range {
  using std::out_of_range::out_of_range;
};
struct NoException {
  int code = 0;
};

template <class E>
void ExpectRemote(E error, const std::string& type_name,
                  const std::string& text) {
  const std::exception_ptr back = Sent(std::move(error));
  try {
    std::rethrow_exception(back);
  } catch (const RemoteError& e) {
    EXPECT_EQ(e.type_name(), type_name);
    EXPECT_EQ(e.what(), text);
    EXPECT_EQ(e.task_index(), 7);
  }
  EXPECT_THROW(std::rethrow_exception(back), TaskFailure);
  try {  // What it was is not lost on the way through a second process.
    std::rethrow_exception(ThereAndBack(back));
  } catch (const RemoteError& e) {
    EXPECT_EQ(e.type_name(), type_name);
    EXPECT_EQ(e.what(), text);
  }
}

TEST(ExceptionCodecTest, OthersArriveAsRemoteError) {
  ExpectRemote(Unregistered("a"),
               "joblib::internal::(anonymous namespace)::Unregistered", "a");
}

bool CatchingTellsTheType() {
  try {
    throw 1;
  } catch (...) {
    return CurrentExceptionType() != nullptr;
  }
}

TEST(ExceptionCodecTest, WhatIsNoExceptionArrivesAsRemoteError) {
  if (CatchingTellsTheType()) {
    ExpectRemote(42, "int", "an exception of type int");
    ExpectRemote(NoException(),
                 "joblib::internal::(anonymous namespace)::NoException",
                 "an exception of type joblib::internal::(anonymous "
                 "namespace)::NoException");
  } else {
    ExpectRemote(42, "an unknown type", "an exception of type an unknown type");
  }
}

// ---- Registered types.

struct OutOfStock : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// Its text is not what it is made of.
struct NoSuchItem : std::runtime_error {
  explicit NoSuchItem(const std::string& name)
      : std::runtime_error("no such item: " + name) {}
};
struct WithFields : std::exception {
  WithFields() = default;
  explicit WithFields(int code) : code(code) {}
  const char* what() const noexcept override { return "with fields"; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(code);
  }
  int code = 0;
};
struct Last final : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct Value {
  std::string text;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(text);
  }
};
struct FailsToSerialize : std::runtime_error {
  FailsToSerialize() : std::runtime_error("a") {}
  template <class Archive>
  void serialize(Archive&) {
    throw std::logic_error("not today");
  }
};
const bool registered = [] {
  RegisterException<OutOfStock>();
  RegisterException<OutOfStock>();
  RegisterException<NoSuchItem>();
  RegisterException<WithFields>();
  RegisterException<Last>();
  RegisterException<Value>();
  RegisterException<FailsToSerialize>();
  return true;
}();

TEST(ExceptionCodecTest, RegisteredTypesArriveAsThemselves) {
  ASSERT_TRUE(registered);
  ExpectArrivesAsItself(OutOfStock("apples"));
  ExpectArrivesAsItself(NoSuchItem("apples"));
  ExpectArrivesAsItself(WithFields(5));
  try {
    std::rethrow_exception(Sent(WithFields(5)));
  } catch (const WithFields& e) {
    EXPECT_EQ(e.code, 5);
  }
  try {
    std::rethrow_exception(Sent(Value{"text"}));
  } catch (const Value& value) {
    EXPECT_EQ(value.text, "text");
  }
}

TEST(ExceptionCodecTest, AFinalTypeIsNoTaskFailure) {
  const std::exception_ptr back = Sent(Last("a"));
  EXPECT_THROW(std::rethrow_exception(back), Last);
}

TEST(ExceptionCodecTest, WhatCantBeSerializedStaysText) {
  try {
    std::rethrow_exception(Sent(FailsToSerialize()));
  } catch (const RemoteError& e) {
    EXPECT_STREQ(e.what(), "a");
  }
}

// ---- Nested.

template <class Outer>
std::exception_ptr Nested(const std::exception_ptr& inner, Outer outer) {
  try {
    try {
      std::rethrow_exception(inner);
    } catch (...) {
      std::throw_with_nested(std::move(outer));
    }
  } catch (...) {
    return std::current_exception();
  }
}

std::exception_ptr InnerOf(const std::exception_ptr& outer) {
  try {
    std::rethrow_exception(outer);
  } catch (const std::nested_exception& nested) {
    return nested.nested_ptr();
  } catch (...) {
    return nullptr;
  }
}

int Depth(std::exception_ptr error) {
  int depth = 0;
  while ((error = InnerOf(error)) != nullptr) ++depth;
  return depth;
}

TEST(ExceptionCodecTest, WhatIsNestedIsKept) {
  const std::exception_ptr error =
      Nested(Nested(std::make_exception_ptr(std::out_of_range("inner")),
                    OutOfStock("middle")),
             Unregistered("outer"));
  for (const std::exception_ptr& back :
       {ThereAndBack(error), ThereAndBack(ThereAndBack(error))}) {
    EXPECT_THROW(std::rethrow_exception(back), RemoteError);
    EXPECT_THROW(std::rethrow_exception(back), TaskFailure);
    const std::exception_ptr middle = InnerOf(back);
    ASSERT_NE(middle, nullptr);
    EXPECT_THROW(std::rethrow_exception(middle), OutOfStock);
    const std::exception_ptr inner = InnerOf(middle);
    ASSERT_NE(inner, nullptr);
    try {
      std::rethrow_exception(inner);
    } catch (const std::out_of_range& e) {
      EXPECT_STREQ(e.what(), "inner");
    }
    EXPECT_EQ(InnerOf(inner), nullptr);
  }
}

TEST(ExceptionCodecTest, NestingEndsAtSixteen) {
  std::exception_ptr error = std::make_exception_ptr(std::logic_error("0"));
  for (int i = 0; i < 40; ++i) error = Nested(error, std::logic_error("n"));
  EXPECT_EQ(Depth(ThereAndBack(error)), 16);
}

}  // namespace
}  // namespace joblib::internal
