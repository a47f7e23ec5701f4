// Grows a random forest on handwritten digits and says how well it reads those
// it has not seen.
//
// The forest is a library that knows nothing of these flags: they become a
// joblib::parallel_config, and that alone decides how the library works.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "joblib/joblib.h"
#include "tools/examples/digits_forest/digits.h"
#include "tools/examples/digits_forest/forest.h"
#include "tools/examples/digits_forest/option_flag.h"
#include "tools/examples/digits_forest/timeline.h"

// joblib's options: not given unless said otherwise; "none" is joblib::none.
ABSL_FLAG(OptionFlag<std::string>, backend, {},
          "where the trees grow: loky (joblib's default where there are "
          "processes), multiprocessing, threading, sequential, dask, ray");
ABSL_FLAG(std::string, cluster, "local",
          "of dask and ray: the address of a cluster, or local: one that is "
          "started for the time of this program");
ABSL_FLAG(OptionFlag<double>, n_jobs, OptionFlag<double>(-1),
          "how many workers; -1: one for each processor");
ABSL_FLAG(OptionFlag<int>, verbose, {}, "how much joblib tells: 0 to 100");
ABSL_FLAG(OptionFlag<std::string>, temp_folder, {},
          "where arrays are mapped that go to worker processes");
ABSL_FLAG(OptionFlag<std::string>, max_nbytes, {},
          "from which size on they are mapped: bytes, or text such as 1M");
ABSL_FLAG(OptionFlag<std::string>, mmap_mode, {},
          "how they are mapped: r, r+, w+ or c");
ABSL_FLAG(OptionFlag<std::string>, prefer, {}, "processes or threads");
ABSL_FLAG(OptionFlag<std::string>, require, {}, "sharedmem");
ABSL_FLAG(OptionFlag<int>, inner_max_num_threads, {},
          "threads that a worker's libraries may start");

ABSL_FLAG(int, trees, 1000, "size of the forest");
ABSL_FLAG(int, crash_tree, -1,
          "number of a tree whose growth crashes with SIGSEGV: in a worker "
          "process that is an error with a name, on threads the program's end");
ABSL_FLAG(bool, collect, false,
          "go on without the trees whose growth failed, and say why");
ABSL_FLAG(std::string, trace, "",
          "file for joblib's trace of the tasks (Trace Event JSON)");
ABSL_FLAG(std::string, timeline_svg, "",
          "file for a picture of which tree was grown where and when");

namespace {

joblib::ConfigOptions OptionsFromFlags() {
  joblib::ConfigOptions options;
  absl::GetFlag(FLAGS_backend).CopyTo(options.backend);
  absl::GetFlag(FLAGS_n_jobs).CopyTo(options.n_jobs);
  absl::GetFlag(FLAGS_verbose).CopyTo(options.verbose);
  absl::GetFlag(FLAGS_temp_folder).CopyTo(options.temp_folder);
  absl::GetFlag(FLAGS_mmap_mode).CopyTo(options.mmap_mode);
  absl::GetFlag(FLAGS_prefer).CopyTo(options.prefer);
  absl::GetFlag(FLAGS_require).CopyTo(options.require);
  absl::GetFlag(FLAGS_inner_max_num_threads)
      .CopyTo(options.inner_max_num_threads);

  // Text for joblib has a unit, bytes are a number.
  const OptionFlag<std::string> max_nbytes = absl::GetFlag(FLAGS_max_nbytes);
  max_nbytes.CopyTo(options.max_nbytes);
  std::int64_t bytes = 0;
  if (absl::SimpleAtoi(AbslUnparseFlag(max_nbytes), &bytes)) {
    options.max_nbytes = bytes;
  }
  return options;
}

// What the backend's name needs before it can be used: a cluster that lasts as
// long as this.
std::unique_ptr<joblib::dask::LocalCluster> PrepareCluster(
    joblib::ConfigOptions& options) {
  const std::string backend = AbslUnparseFlag(absl::GetFlag(FLAGS_backend));
  const std::string address = absl::GetFlag(FLAGS_cluster);
  const bool is_local = address == "local";
  if (backend == "ray") {
    joblib::register_ray();
    if (!is_local) setenv("RAY_ADDRESS", address.c_str(), /*overwrite=*/1);
  } else if (backend == "dask" && is_local) {
    return std::make_unique<joblib::dask::LocalCluster>();
  } else if (backend == "dask") {
    options.backend_params = {{"scheduler_host", address}};
  }
  return nullptr;
}

struct TimedForest {
  forest::Forest forest;
  absl::Duration time;
};

TimedForest Grow(const forest::Dataset& train, const char* what) {
  std::fprintf(stderr, "growing %s\n", what);
  const joblib::ProgressCallback bar = joblib::terminal_progress();
  const absl::Time begin = absl::Now();
  forest::Forest forest = forest::Fit(
      train, {.n_trees = absl::GetFlag(FLAGS_trees)},
      [&bar](int done, int total) { bar({.done = done, .total = total}); });
  return {.forest = std::move(forest), .time = absl::Now() - begin};
}

std::size_t CountWorkers(const forest::Forest& forest) {
  std::set<int> workers;
  for (const forest::Growth& growth : forest.growths) {
    workers.insert(growth.worker);
  }
  return workers.size();
}

void PrintTimes(const TimedForest& one_job, const TimedForest& configured) {
  absl::PrintF("n_jobs=1:      %7.3f s\n", absl::ToDoubleSeconds(one_job.time));
  absl::PrintF("as configured: %7.3f s on %d worker(s), %.2f times as fast\n",
               absl::ToDoubleSeconds(configured.time),
               CountWorkers(configured.forest),
               absl::FDivDuration(one_job.time, configured.time));
}

// Rows: the digit; columns: what the forest takes it for.
void PrintConfusion(const forest::Dataset& data,
                    const std::vector<std::uint8_t>& predicted) {
  const auto n_classes = static_cast<std::size_t>(data.n_classes);
  std::vector<std::vector<int>> counts(n_classes, std::vector<int>(n_classes));
  int n_right = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    ++counts[data.labels[i]][predicted[i]];
    if (predicted[i] == data.labels[i]) ++n_right;
  }
  absl::PrintF("accuracy: %.3f (%d of %d held-out digits)\n\n",
               1.0 * n_right / data.n_rows(), n_right, data.n_rows());
  absl::PrintF("digit | read as\n      |");
  for (std::size_t i = 0; i < n_classes; ++i) absl::PrintF(" %3d", i);
  absl::PrintF("\n------+%s\n", std::string(4 * n_classes, '-'));
  for (std::size_t i = 0; i < n_classes; ++i) {
    absl::PrintF("%5d |", i);
    for (const int count : counts[i]) {
      absl::PrintF(" %3s", count > 0 ? absl::StrCat(count) : ".");
    }
    absl::PrintF("\n");
  }
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (!file) throw std::runtime_error(absl::StrCat("cannot write ", path));
}

// With trees that fail there is nothing to compare.
int RunWithFailures(const forest::Dataset& train,
                    const forest::Dataset& held_out) {
  const forest::Forest forest =
      forest::Fit(train, {.n_trees = absl::GetFlag(FLAGS_trees),
                          .collect = absl::GetFlag(FLAGS_collect),
                          .crash_tree = absl::GetFlag(FLAGS_crash_tree)});
  absl::PrintF("%d trees, %d missing\n", forest.trees.size(),
               forest.failures.size());
  for (const std::string& failure : forest.failures) {
    absl::PrintF("missing: %s\n", failure);
  }
  PrintConfusion(held_out, forest::Predict(forest, held_out));
  return EXIT_SUCCESS;
}

int Run() {
  const absl::StatusOr<forest::Dataset> all =
      digits::ParseCsv(digits::EmbeddedCsv());
  if (!all.ok()) throw std::runtime_error(all.status().ToString());
  const auto [train, held_out] = digits::HoldOutQuarter(*all);
  absl::PrintF("%d digits to learn from, %d held out; %d trees\n",
               train.n_rows(), held_out.n_rows(), absl::GetFlag(FLAGS_trees));

  // From here on it is known how every Parallel()(...) works, also those deep
  // inside a library.
  joblib::ConfigOptions options = OptionsFromFlags();
  const auto cluster = PrepareCluster(options);
  const joblib::parallel_config scope(options);
  if (absl::GetFlag(FLAGS_crash_tree) >= 0 || absl::GetFlag(FLAGS_collect)) {
    return RunWithFailures(train, held_out);
  }
  const TimedForest one_job = [&train = train] {
    // A cluster runs even one job on its workers.
    const joblib::parallel_config inner({.backend = "sequential", .n_jobs = 1});
    return Grow(train, "with n_jobs=1");
  }();
  if (const std::string file = absl::GetFlag(FLAGS_trace); !file.empty()) {
    // joblib looks at each call; what Parallel is given, this code can't reach.
    setenv("JOBLIB_TRACE", file.c_str(), /*overwrite=*/1);
  }
  const TimedForest configured = Grow(train, "as configured");

  PrintTimes(one_job, configured);
  PrintConfusion(held_out, forest::Predict(configured.forest, held_out));

  const std::uint64_t digest = forest::Digest(configured.forest);
  const bool is_same = digest == forest::Digest(one_job.forest);
  absl::PrintF("\ndigest: %016x, %s with n_jobs=1\n", digest,
               is_same ? "the same as" : "NOT that of the forest grown");
  if (const std::string file = absl::GetFlag(FLAGS_timeline_svg);
      !file.empty()) {
    WriteFile(file, digits::TimelineSvg(configured.forest.growths));
  }
  return is_same ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "grows a random forest on handwritten digits, in parallel as its flags "
      "tell joblib");
  const std::vector<char*> arguments = absl::ParseCommandLine(argc, argv);
  if (arguments.size() > 1) {
    absl::FPrintF(stderr, "digits_forest: what is %s? See --help.\n",
                  arguments[1]);
    return 2;
  }
  try {
    return Run();
  } catch (const std::exception& error) {
    absl::FPrintF(stderr, "digits_forest: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
