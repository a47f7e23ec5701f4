#include "tools/examples/digits_forest/timeline.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace digits {
namespace {

// Pixels of the drawing; a viewer scales it to any size.
constexpr double kWidth = 1000;
constexpr double kLeft = 92;    // The lanes' names.
constexpr double kRight = 100;  // The lanes' sums.
constexpr double kTop = 62;     // The title.
constexpr double kLane = 34;
constexpr double kGap = 12;     // Between lanes.
constexpr double kBottom = 58;  // The axis.
constexpr double kPlot = kWidth - kLeft - kRight;
// Bars narrower than this touch, wider ones show a seam between them.
constexpr double kSeamFrom = 4;
constexpr double kLabelFrom = 26;  // Bars that have room for a number.

// No CSS variables: not every viewer knows them.
constexpr char kStyle[] = R"(<style>
  svg { font: 13px system-ui, 'DejaVu Sans', sans-serif; }
  .paper { fill: #ffffff; }
  text { fill: #24292f; }
  .title { font-size: 17px; font-weight: 600; }
  .soft { fill: #768390; }
  .end { text-anchor: end; }
  .mid { text-anchor: middle; }
  .lane { fill: #768390; fill-opacity: 0.12; }
  .grid { stroke: #768390; stroke-opacity: 0.35; }
  .bar:hover { opacity: 0.6; }
  .on-bar { fill: #ffffff; font-size: 11px; pointer-events: none; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; }
    text { fill: #e6edf3; }
    .soft { fill: #8d96a0; }
  }
</style>
)";

struct Bar {
  int tree = 0;
  int lane = 0;
  double begin = 0;  // Milliseconds from the first tree's begin.
  double end = 0;
};

std::vector<Bar> Bars(const std::vector<forest::Growth>& growths) {
  const auto start =
      std::min_element(growths.begin(), growths.end(),
                       [](const forest::Growth& a, const forest::Growth& b) {
                         return a.begin < b.begin;
                       })
          ->begin;
  const auto ms = [start](std::chrono::steady_clock::time_point time) {
    return std::chrono::duration<double, std::milli>(time - start).count();
  };
  std::vector<Bar> bars;
  bars.reserve(growths.size());
  for (const forest::Growth& growth : growths) {
    bars.push_back({.tree = growth.index,
                    .lane = growth.worker,
                    .begin = ms(growth.begin),
                    .end = ms(growth.end)});
  }
  return bars;
}

// 1, 2 or 5 times a power of ten, so that an axis to `end` has at most ten.
double TickStep(double end) {
  double step = std::pow(10, std::floor(std::log10(end / 10)));
  for (const double factor : {2.0, 2.5, 2.0}) {
    if (end / step <= 10) break;
    step *= factor;
  }
  return step;
}

// From blue for the first tree to a warm red for the last, by way of violet;
// of a lightness that stands out on white and on black, and under white text.
std::string Colour(int tree, int n_trees) {
  const double place = n_trees > 1 ? 1.0 * tree / (n_trees - 1) : 0;
  return absl::StrFormat("hsl(%.0f,52%%,54%%)", 212 + 140 * place);
}

class Drawing {
 public:
  explicit Drawing(std::vector<Bar> bars);
  std::string Svg() const;

 private:
  double X(double ms) const { return kLeft + kPlot * ms / end_; }
  double LaneTop(int lane) const { return kTop + lane * (kLane + kGap); }

  std::string Title() const;
  std::string Axis() const;
  std::string Lane(int lane) const;
  std::string BarShape(const Bar& bar) const;

  std::vector<Bar> bars_;
  int n_lanes_ = 0;
  double end_ = 0;  // Milliseconds.
};

Drawing::Drawing(std::vector<Bar> bars) : bars_(std::move(bars)) {
  for (const Bar& bar : bars_) {
    n_lanes_ = std::max(n_lanes_, bar.lane + 1);
    end_ = std::max(end_, bar.end);
  }
  // A clock too coarse for the trees must not divide by zero.
  end_ = std::max(end_, 1e-3);
}

std::string Drawing::Title() const {
  std::string svg = absl::StrFormat(
      R"(<text class="title" x="%g" y="28">%d %s on %d %s</text>)", kLeft,
      bars_.size(), bars_.size() == 1 ? "tree" : "trees", n_lanes_,
      n_lanes_ == 1 ? "worker" : "workers");
  absl::StrAppendFormat(
      &svg,
      R"(<text class="soft" x="%g" y="47">%.1f ms from the first )"
      R"(begin to the last end; blue: tree 0, red: tree %d</text>)",
      kLeft, end_, bars_.size() - 1);
  return svg + "\n";
}

std::string Drawing::Axis() const {
  const double bottom = LaneTop(n_lanes_);
  const double step = TickStep(end_);
  std::string svg;
  for (int i = 0; i * step <= end_; ++i) {
    absl::StrAppendFormat(&svg,
                          R"(<path class="grid" d="M%.1f %gV%g"/>)"
                          R"(<text class="soft mid" x="%.1f" y="%g">%g</text>)",
                          X(i * step), kTop - 4, bottom, X(i * step),
                          bottom + 17, i * step);
  }
  absl::StrAppendFormat(
      &svg, R"(<text class="soft mid" x="%g" y="%g">milliseconds</text>)",
      kLeft + kPlot / 2, bottom + 38);
  return svg + "\n";
}

std::string Drawing::Lane(int lane) const {
  const double top = LaneTop(lane);
  const double middle = top + kLane / 2 + 4.5;
  std::string shapes;
  int n_trees = 0;
  double busy = 0;
  for (const Bar& bar : bars_) {
    if (bar.lane != lane) continue;
    ++n_trees;
    busy += bar.end - bar.begin;
    absl::StrAppend(&shapes, BarShape(bar));
  }
  return absl::StrCat(
      absl::StrFormat(
          R"(<rect class="lane" x="%g" y="%g" width="%g" height="%g"/>)", kLeft,
          top, kPlot, kLane),
      absl::StrFormat(R"(<text class="end" x="%g" y="%g">worker %d</text>)",
                      kLeft - 12, middle, lane),
      absl::StrFormat(R"(<text x="%g" y="%g">%d trees)"
                      R"(<tspan class="soft" x="%g" dy="14">%.0f %% busy)"
                      R"(</tspan></text>)",
                      kWidth - kRight + 10, middle - 7, n_trees,
                      kWidth - kRight + 10, 100 * busy / end_),
      "\n", shapes);
}

std::string Drawing::BarShape(const Bar& bar) const {
  const double top = LaneTop(bar.lane) + 3;
  const double height = kLane - 6;
  const double width = X(bar.end) - X(bar.begin);
  const double seam = width >= kSeamFrom ? 1 : 0;
  std::string svg = absl::StrFormat(
      R"(<rect class="bar" x="%.2f" y="%g" width="%.2f" height="%g" rx="%g")"
      R"( fill="%s"><title>tree %d: %.2f ms to %.2f ms (%.2f ms))"
      R"(</title></rect>)",
      X(bar.begin), top, std::max(width - seam, 0.3), height, seam,
      Colour(bar.tree, static_cast<int>(bars_.size())), bar.tree, bar.begin,
      bar.end, bar.end - bar.begin);
  if (width >= kLabelFrom) {
    absl::StrAppendFormat(
        &svg, R"(<text class="on-bar mid" x="%.2f" y="%g">%d</text>)",
        X(bar.begin) + width / 2, top + height / 2 + 4, bar.tree);
  }
  return svg + "\n";
}

std::string Drawing::Svg() const {
  std::string svg = absl::StrFormat(
      R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g">)", kWidth,
      LaneTop(n_lanes_) + kBottom);
  absl::StrAppend(&svg, "\n", kStyle,
                  R"(<rect class="paper" width="100%" height="100%"/>)", "\n",
                  Title(), Axis());
  for (int lane = 0; lane < n_lanes_; ++lane) {
    absl::StrAppend(&svg, Lane(lane));
  }
  return svg + "</svg>\n";
}

}  // namespace

std::string TimelineSvg(const std::vector<forest::Growth>& growths) {
  return Drawing(Bars(growths)).Svg();
}

}  // namespace digits
