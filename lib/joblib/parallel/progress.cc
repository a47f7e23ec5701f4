#include "joblib/parallel/progress.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "native/terminal.h"

namespace joblib {
namespace {

using Clock = std::chrono::steady_clock;

// Faster than an eye reads and slow enough to cost nothing.
constexpr std::chrono::milliseconds kRedraw{50};
// A log should not be flooded.
constexpr std::chrono::seconds kPlainLine{5};
constexpr int kDefaultWidth = 80;

class TerminalProgress {
 public:
  void Update(const Progress& p) {
    const Clock::time_point now = Clock::now();
    if (p.done == 1) {
      // The first task's own time is not known: the rate starts with it.
      start_ = now;
      last_ = {};
      terminal_ = native::StderrIsTerminal();
    }
    const bool finished = p.done == p.total;
    const Clock::duration interval =
        terminal_ ? Clock::duration(kRedraw) : Clock::duration(kPlainLine);
    if (!finished && last_ != Clock::time_point() && now - last_ < interval) {
      return;
    }
    if (!terminal_ && !finished && last_ == Clock::time_point()) {
      last_ = now;
      return;
    }
    last_ = now;
    std::string line = Text(p, std::chrono::duration<double>(now - start_));
    if (terminal_) {
      const auto width = static_cast<std::size_t>(
          std::max(20, native::StderrWidth().value_or(kDefaultWidth) - 1));
      line.resize(std::min(line.size(), width));
      line = absl::StrCat("\r", line, "\x1b[K", finished ? "\n" : "");
    } else {
      line += "\n";
    }
    std::fwrite(line.data(), 1, line.size(), stderr);
    std::fflush(stderr);
  }

 private:
  static std::string Text(const Progress& p,
                          std::chrono::duration<double> elapsed) {
    const double rate = p.done > 1 && elapsed.count() > 0
                            ? static_cast<double>(p.done - 1) / elapsed.count()
                            : 0;
    std::string text;
    if (p.total > 0) {
      constexpr int kBar = 24;
      const int filled = static_cast<int>(kBar * p.done / p.total);
      text = absl::StrFormat("%3d%% [%s%s] %d/%d", 100 * p.done / p.total,
                             std::string(filled, '#'),
                             std::string(kBar - filled, '.'), p.done, p.total);
    } else {
      text = absl::StrFormat("%d done", p.done);
    }
    if (rate > 0) absl::StrAppendFormat(&text, "  %.4g/s", rate);
    absl::StrAppend(
        &text, "  ",
        absl::FormatDuration(absl::Milliseconds(
            static_cast<std::int64_t>(elapsed.count() * 10) * 100)));
    if (rate > 0 && p.done < p.total) {
      absl::StrAppend(
          &text, "  ETA ",
          absl::FormatDuration(absl::Seconds(static_cast<std::int64_t>(
              static_cast<double>(p.total - p.done) / rate + 0.5))));
    }
    return text;
  }

  Clock::time_point start_, last_;
  bool terminal_ = false;
};

}  // namespace

ProgressCallback terminal_progress() {
  return [bar = std::make_shared<TerminalProgress>()](const Progress& p) {
    bar->Update(p);
  };
}

}  // namespace joblib
