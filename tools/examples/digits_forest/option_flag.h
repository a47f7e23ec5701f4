// OptionFlag: a command-line flag for an option of joblib, which is not given,
// none, or a value.
//
//   ABSL_FLAG(OptionFlag<int>, verbose, {}, "...");
//
//   joblib::ConfigOptions options;
//   absl::GetFlag(FLAGS_verbose).CopyTo(options.verbose);
//
// --verbose=5 is the value, --verbose=none is joblib::none; --verbose= is not
// given, whatever the flag's default.
#ifndef TOOLS_EXAMPLES_DIGITS_FOREST_OPTION_FLAG_H_
#define TOOLS_EXAMPLES_DIGITS_FOREST_OPTION_FLAG_H_

#include <string>
#include <utility>

#include "absl/flags/marshalling.h"
#include "absl/strings/string_view.h"
#include "joblib/joblib.h"

template <class T>
class OptionFlag {
 public:
  OptionFlag() = default;
  explicit OptionFlag(T value)
      : state_(State::kValue), value_(std::move(value)) {}

  // Leaves `option` as it is if the flag was not given.
  template <class Option>
  void CopyTo(Option& option) const {
    if (state_ == State::kNone) option = joblib::none;
    if (state_ == State::kValue) option = value_;
  }

  friend bool AbslParseFlag(absl::string_view text, OptionFlag* flag,
                            std::string* error) {
    flag->state_ = text.empty()     ? State::kNotGiven
                   : text == "none" ? State::kNone
                                    : State::kValue;
    return flag->state_ != State::kValue ||
           absl::ParseFlag(text, &flag->value_, error);
  }

  friend std::string AbslUnparseFlag(const OptionFlag& flag) {
    if (flag.state_ == State::kNotGiven) return "";
    if (flag.state_ == State::kNone) return "none";
    return absl::UnparseFlag(flag.value_);
  }

 private:
  enum class State { kNotGiven, kNone, kValue };

  State state_ = State::kNotGiven;
  T value_ = {};
};

#endif  // TOOLS_EXAMPLES_DIGITS_FOREST_OPTION_FLAG_H_
