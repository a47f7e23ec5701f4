#include "joblib/parallel/progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "joblib/core/number_text.h"
#include "native/terminal.h"

namespace joblib {
namespace {

using Clock = std::chrono::steady_clock;

// Faster than an eye reads and slow enough to cost nothing.
constexpr std::chrono::milliseconds kRedraw{50};
// A log should not be flooded.
constexpr std::chrono::seconds kPlainLine{5};
constexpr int kDefaultWidth = 80;

// "1h2m3.4s" of a number of tenths of a second; "300ms" below one.
std::string DurationText(std::int64_t tenths) {
  if (tenths > 0 && tenths < 10) return absl::StrCat(100 * tenths, "ms");
  const std::int64_t minutes = tenths / 600;
  std::string text;
  if (minutes >= 60) text = absl::StrCat(minutes / 60, "h");
  if (minutes % 60 > 0) absl::StrAppend(&text, minutes % 60, "m");
  tenths %= 600;
  if (tenths == 0 && minutes > 0) return text;
  absl::StrAppend(&text, tenths / 10);
  if (tenths % 10 > 0) absl::StrAppend(&text, ".", tenths % 10);
  return text + "s";
}

class TerminalProgress {
 public:
  TerminalProgress() = default;
  TerminalProgress(const TerminalProgress&) = delete;
  TerminalProgress& operator=(const TerminalProgress&) = delete;
  ~TerminalProgress() { EndUnfinished(); }

  void Update(const Progress& p) {
    if (p.done == 1) {
      EndUnfinished();
      // The first task's own time is not known: the rate starts with it.
      start_ = Clock::now();
      last_ = {};
      terminal_ = native::StderrIsTerminal();
    }
    seen_ = p;
    seen_at_ = Clock::now();
    unfinished_ = p.done != p.total;
    const Clock::duration interval =
        terminal_ ? Clock::duration(kRedraw) : Clock::duration(kPlainLine);
    if (unfinished_ && last_ != Clock::time_point() &&
        seen_at_ - last_ < interval) {
      return;
    }
    if (!terminal_ && unfinished_ && last_ == Clock::time_point()) {
      last_ = seen_at_;
      return;
    }
    last_ = seen_at_;
    Draw(/*ends=*/!unfinished_);
  }

 private:
  // The call has failed, or its length was not known: what was seen last is its
  // end, and what is printed next begins a line.
  void EndUnfinished() {
    if (std::exchange(unfinished_, false)) Draw(/*ends=*/true);
  }

  void Draw(bool ends) const {
    std::string line =
        Text(seen_, std::chrono::duration<double>(seen_at_ - start_));
    if (terminal_) {
      const auto width = static_cast<std::size_t>(
          std::max(20, native::StderrWidth().value_or(kDefaultWidth) - 1));
      line.resize(std::min(line.size(), width));
      line = absl::StrCat("\r", line, "\x1b[K", ends ? "\n" : "");
    } else {
      line += "\n";
    }
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
  }

  static std::string Text(const Progress& p,
                          std::chrono::duration<double> elapsed) {
    const double rate = p.done > 1 && elapsed.count() > 0
                            ? static_cast<double>(p.done - 1) / elapsed.count()
                            : 0;
    std::string text;
    if (p.total > 0) {
      constexpr int kBar = 24;
      const int filled = static_cast<int>(kBar * p.done / p.total);
      text = absl::StrCat(absl::Dec(100 * p.done / p.total, absl::kSpacePad3),
                          "% [", std::string(filled, '#'),
                          std::string(kBar - filled, '.'), "] ", p.done, "/",
                          p.total);
    } else {
      text = absl::StrCat(p.done, " done");
    }
    if (rate > 0)
      absl::StrAppend(&text, "  ", internal::GeneralText(rate, 4), "/s");
    absl::StrAppend(
        &text, "  ",
        DurationText(static_cast<std::int64_t>(elapsed.count() * 10)));
    if (rate > 0 && p.done < p.total) {
      absl::StrAppend(
          &text, "  ETA ",
          DurationText(
              10 * static_cast<std::int64_t>(
                       static_cast<double>(p.total - p.done) / rate + 0.5)));
    }
    return text;
  }

  Clock::time_point start_, last_;
  bool terminal_ = false;
  Progress seen_ = {};
  Clock::time_point seen_at_;
  bool unfinished_ = false;  // Its last line is still to come.
};

}  // namespace

ProgressCallback terminal_progress() {
  return [bar = std::make_shared<TerminalProgress>()](const Progress& p) {
    bar->Update(p);
  };
}

}  // namespace joblib
