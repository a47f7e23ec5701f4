#include "tests/conformance/observation.h"

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "joblib/core/errors.h"
#include "joblib/core/type_name.h"
#include "tests/conformance/replay.h"

namespace joblib::conformance {
namespace {

bool IsNumber(const Json& json) {
  return json.kind() == Json::Kind::kInteger ||
         json.kind() == Json::Kind::kFloating;
}

bool IsError(const Json& json) {
  return json.is_object() && json.Find("type") != nullptr &&
         json.Find("message") != nullptr;
}

// README.md, "Python to C++".
std::string_view CppClass(std::string_view python_class) {
  if (python_class == "RuntimeError") return "runtime_error";
  for (std::string_view name : {"ValueError", "AssertionError", "TypeError"}) {
    if (python_class == name) return "invalid_argument";
  }
  return python_class;
}

void Compare(const Json& expected, const Json& actual, const std::string& path);

void CompareMembers(const Json& expected, const Json& actual,
                    const std::string& path) {
  for (const auto& [key, value] : expected.members()) {
    const Json* other = actual.Find(key);
    const std::string inner = absl::StrCat(path, ".", key);
    if (IsError(expected) && key == "is_a") continue;
    if (other == nullptr) {
      ADD_FAILURE() << inner << ": expected " << value.ToString()
                    << ", got nothing";
    } else if (IsError(expected) && key == "type") {
      EXPECT_EQ(CppClass(value.text()), other->text()) << inner;
    } else if (IsError(expected) && key == "message") {
      EXPECT_TRUE(MatchesMessage(expected, other->text())) << inner;
    } else {
      Compare(value, *other, inner);
    }
  }
  for (const auto& [key, value] : actual.members()) {
    if (expected.Find(key) != nullptr) continue;
    ADD_FAILURE() << path << "." << key << ": expected nothing, got "
                  << value.ToString();
  }
}

void Compare(const Json& expected, const Json& actual,
             const std::string& path) {
  if (expected.is_object() && actual.is_object()) {
    CompareMembers(expected, actual, path);
  } else if (IsNumber(expected) && IsNumber(actual)) {
    EXPECT_EQ(expected.number(), actual.number()) << path;
  } else if (expected.kind() == Json::Kind::kArray &&
             actual.kind() == Json::Kind::kArray &&
             expected.items().size() == actual.items().size()) {
    for (std::size_t i = 0; i < expected.items().size(); ++i) {
      Compare(expected.items()[i], actual.items()[i],
              absl::StrCat(path, "[", i, "]"));
    }
  } else if (!(expected == actual)) {
    ADD_FAILURE() << path << ": expected\n  " << expected.ToString()
                  << "\ngot\n  " << actual.ToString();
  }
}

template <class E>
bool Is(const std::exception& error) {
  return dynamic_cast<const E*>(&error) != nullptr;
}

// The class that a caller would catch `error` by. What comes from a worker
// process is of a class of nobody's: that one and a TaskFailure.
std::string ClassOf(const std::exception& error) {
  if (Is<TerminatedWorkerError>(error)) return "TerminatedWorkerError";
  if (Is<BrokenProcessPool>(error)) return "BrokenProcessPool";
  if (Is<PicklingError>(error)) return "PicklingError";
  if (Is<RemoteError>(error)) return "RemoteError";
  if (Is<TimeoutError>(error)) return "TimeoutError";
  if (Is<TaskFailure>(error)) {
    if (Is<std::invalid_argument>(error)) return "invalid_argument";
    if (Is<std::runtime_error>(error)) return "runtime_error";
  }
  return internal::ClassNameOf(error);
}

Json Described(const std::exception& error) {
  return Json::Object({{"type", Json::Text(ClassOf(error))},
                       {"message", Json::Text(error.what())}});
}

}  // namespace

WarningCollector::WarningCollector()
    : former_(set_warning_handler([this](const Warning& warning) {
        if (!IsOneOfJoblibs(warning)) return;
        absl::MutexLock lock(&mu_);
        warnings_.push_back(
            Json::Object({{"category", Json::Text(warning.category)},
                          {"message", Json::Text(warning.message)}}));
      })) {}

WarningCollector::~WarningCollector() { set_warning_handler(former_); }

bool IsOneOfJoblibs(const Warning& warning) {
  return !absl::StartsWith(warning.message,
                           "The multiprocessing backend forks this process") &&
         !absl::StartsWith(warning.message,
                           "A worker process that runs out of memory takes");
}

Json WarningCollector::Take() {
  absl::MutexLock lock(&mu_);
  return Json::Array(std::exchange(warnings_, {}));
}

Json ErrorOf(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    return Described(error);
  } catch (const std::logic_error&) {
    throw;
  } catch (const std::exception& error) {
    return Described(error);
  }
  return Json();
}

void ExpectSame(const Json& expected, const Json& actual) {
  Compare(expected, actual, "");
}

}  // namespace joblib::conformance
