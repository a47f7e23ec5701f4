#include "tests/conformance/tasks.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "joblib/core/python_repr.h"
#include "joblib/shippable.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/observation.h"

namespace joblib::conformance {
namespace {

// The number differs by platform, and the tables are from Linux.
constexpr int kLinuxENOENT = 2;

// Of Naps.
constexpr int kAwake = 0;
constexpr int kBegun = 1;
constexpr int kAsleep = 2;
constexpr int kNapCounters = 3;

const bool custom_error_registered = register_exception<CustomError>();

std::string Repr(const Json& value) {
  return value.is_text() ? internal::PythonRepr(std::string_view(value.text()))
                         : value.ToString();
}

// What str() says of a Python exception with these arguments.
std::string MessageOf(const std::string& type, const Json::Items& args) {
  if (args.empty()) return "";
  if (args.size() > 1) {
    std::vector<std::string> reprs;
    for (const Json& arg : args) reprs.push_back(Repr(arg));
    return absl::StrCat("(", absl::StrJoin(reprs, ", "), ")");
  }
  const Json& arg = args.front();
  return type != "KeyError" && arg.is_text() ? arg.text() : Repr(arg);
}

[[noreturn]] void Raise(const Json& spec) {
  const std::string& type = spec["type"].text();
  const Json* args_or_null = spec.Find("args");
  const Json::Items args =
      args_or_null == nullptr ? Json::Items() : args_or_null->items();
  const std::string message = MessageOf(type, args);
  if (type == "ValueError") throw std::invalid_argument(message);
  if (type == "RuntimeError") throw std::runtime_error(message);
  if (type == "KeyError") throw std::out_of_range(message);
  if (type == "ZeroDivisionError") throw std::domain_error(message);
  if (type == "CustomError") throw CustomError(message);
  if (type == "TwoArgsError") {
    throw TwoArgsError(args.at(0).text(), args.at(1).text());
  }
  if (type == "OSError" && args.at(0).integer() == kLinuxENOENT) {
    throw std::system_error(
        std::make_error_code(std::errc::no_such_file_or_directory),
        args.at(1).text());
  }
  throw std::logic_error(absl::StrCat("no such exception in C++: ", type));
}

Json Error(std::string_view type, std::string_view message) {
  return Json::Object(
      {{"type", Json::Text(type)}, {"message", Json::Text(message)}});
}

}  // namespace

TwoArgsError::TwoArgsError(const std::string& a, const std::string& b)
    : what_(absl::StrCat(a, " and ", b)) {}

Naps Naps::Scaled(double scale) {
  Naps naps;
  naps.scale_ = scale;
  naps.counters_ = testing::SharedCounters::Zeros(kNapCounters);
  return naps;
}

void Naps::Sleep(double seconds) const {
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(scale_ * seconds));
  counters_.Add(kBegun, 1);
  if (!internal::OwnPlatform().threads) {  // Nobody else could wake it.
    std::this_thread::sleep_for(time);
    return;
  }
  counters_.Add(kAsleep, 1);
  counters_.AwaitAtLeast(kAwake, 1, time);
  counters_.Add(kAsleep, -1);
}

void Naps::AwaitSleeps(int n) const { counters_.AwaitAtLeast(kBegun, n); }

void Naps::WakeAll() const { counters_.Set(kAwake, 1); }

bool Naps::AnyAsleep() const { return counters_.Get(kAsleep) > 0; }

Json DoTask(const Json& spec, const Naps& naps) {
  const std::string& op = spec["op"].text();
  if (op == "return") return spec["value"];
  if (op == "take") return Json::Text("taken");
  if (op == "raise") Raise(spec);
  if (op == "sleep") {
    naps.Sleep(spec["seconds"].number());
    const Json* value = spec.Find("value");
    return value == nullptr ? Json() : *value;
  }
  if (op == "signal") {
    std::raise(static_cast<int>(spec["signal"].integer()));
    return Json::Text("survived");
  }
  if (op == "_exit") std::_Exit(static_cast<int>(spec["code"].integer()));
  throw std::logic_error(absl::StrCat("no such task here: ", op));
}

Json Return(std::int64_t n) { return Json::Integer(n); }

Json ReturnThrough(const testing::SharedGate& gate, std::int64_t n) {
  if (!gate.Wait()) throw std::logic_error("the gate stayed shut");
  return Json::Integer(n);
}

Json ErrorOfCall(const std::function<void()>& body) {
  try {
    body();
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    return Error("FileNotFoundError",
                 absl::StrCat("[Errno ", kLinuxENOENT, "] ", error.what()));
  } catch (const CustomError& error) {
    return Error("CustomError", error.what());
  } catch (const std::out_of_range& error) {
    return Error("KeyError", error.what());
  } catch (const std::domain_error& error) {
    return Error("ZeroDivisionError", error.what());
  } catch (...) {
    return ErrorOf([] { throw; });
  }
  return Json();
}

void SortIntegers(Json::Items& integers) {
  std::sort(integers.begin(), integers.end(), [](const Json& a, const Json& b) {
    return a.integer() < b.integer();
  });
}

internal::Platform PlatformForCalls() {
  return {.processes = kTablesPlatform.processes,
          .threads = internal::OwnPlatform().threads};
}

std::string ReturnAsOf(const Json& parallel_options) {
  const Json* return_as = parallel_options.Find("return_as");
  return return_as == nullptr ? "list" : return_as->text();
}

}  // namespace joblib::conformance
