// The table of options in lib/joblib/docs/backends.md is what the code says.
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/testing/warning_collector.h"

namespace joblib {
namespace {

constexpr char kPage[] = "lib/joblib/docs/backends.md";
constexpr char kBegin[] = "<!-- option table -->\n";
constexpr char kEnd[] = "<!-- end of option table -->\n";

// A backend that is made, but asked to run nothing: clusters need no engine.
class Column {
 public:
  explicit Column(std::string name) : name_(std::move(name)) {
    BackendParams params;
    if (name_ == "dask") params.emplace("scheduler_host", "tcp://nowhere:1");
    parallel_config scope({.backend = name_, .backend_params = params});
    backend_ = get_active_backend().backend;
  }
  const std::string& name() const { return name_; }
  const ParallelBackendBase& backend() const { return *backend_; }

  // What becomes of a Parallel with these options.
  std::string With(ParallelOptions options) const {
    const testing::WarningCollector warnings;
    options.backend = backend_;
    try {
      Parallel parallel(options);
    } catch (const std::invalid_argument&) {
      return "error";
    }
    return warnings.messages().empty() ? "yes" : "warning";
  }

  // The parameters that the warning of an unknown one tells of.
  std::string Params() const {
    const testing::WarningCollector warnings;
    Parallel parallel({.backend = backend_, .backend_params = {{"?", 1}}});
    const std::vector<std::string> messages = warnings.messages();
    if (messages.size() != 1) return absl::StrJoin(messages, "; ");
    const auto at = messages[0].find("It has '");
    if (at == std::string::npos) return "none";
    std::string list = messages[0].substr(at + 7);
    list.pop_back();
    std::vector<std::string> names = absl::StrSplit(list, ", ");
    for (std::string& name : names) {
      name = absl::StrCat("`", name.substr(1, name.size() - 2), "`");
    }
    return absl::StrJoin(names, ", ");
  }

 private:
  std::string name_;
  std::shared_ptr<ParallelBackendBase> backend_;
};

std::string Row(const std::string& option, const std::vector<Column>& columns,
                const std::function<std::string(const Column&)>& cell) {
  std::string row = absl::StrCat("| ", option);
  for (const Column& column : columns)
    absl::StrAppend(&row, " | ", cell(column));
  return row + " |\n";
}

std::string Table() {
  register_ray();
  register_dask();
  std::vector<Column> columns;
  for (const char* name :
       {"sequential", "threading", "loky", "multiprocessing", "dask", "ray"}) {
    columns.emplace_back(name);
  }
  std::string table = Row("option", columns, [](const Column& c) {
    return absl::StrCat("`", c.name(), "`");
  });
  table += Row("---", columns, [](const Column&) { return "---"; });
  table += Row("`timeout`", columns, [](const Column& c) {
    return c.backend().supports_timeout() ? "yes" : "warning";
  });
  table += Row("`task_timeout`", columns, [](const Column& c) {
    return c.backend().uses_threads() ? "asks" : "kills";
  });
  table += Row("`max_retries`", columns,
               [](const Column& c) { return c.With({.max_retries = 1}); });
  table += Row("`inner_max_num_threads`", columns, [](const Column& c) {
    return c.With({.inner_max_num_threads = 1});
  });
  table += Row("`require = \"sharedmem\"`", columns, [](const Column& c) {
    return c.With({.require = "sharedmem"});
  });
  table += Row("generators", columns, [](const Column& c) {
    return c.backend().supports_return_generator() ? "yes" : "error";
  });
  table += Row("`backend_params`", columns,
               [](const Column& c) { return c.Params(); });
  return table;
}

TEST(OptionTableTest, ThePageSaysWhatTheCodeDoes) {
  std::ifstream file(kPage);
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  const auto begin = text.find(kBegin);
  const auto end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos) << "no " << kBegin << " in " << kPage;
  ASSERT_NE(end, std::string::npos) << "no " << kEnd << " in " << kPage;
  const auto from = begin + std::string(kBegin).size();
  const std::string table = Table();
  EXPECT_EQ(text.substr(from, end - from), table)
      << "The table of " << kPage << " has to be\n\n"
      << table;
}

}  // namespace
}  // namespace joblib
