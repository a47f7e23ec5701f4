// What a worker sees of an array, and where it is kept meanwhile:
// tables/memmap.json.

#include <algorithm>
#include <complex>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "native/unnamed_file.h"
#include "tests/conformance/case.h"
#include "tests/conformance/fresh_process.h"
#include "tests/conformance/json.h"
#include "tests/conformance/observation.h"
#include "tests/conformance/replay.h"
#include "tests/conformance/scenario.h"
#include "tests/conformance/tasks.h"

namespace joblib::conformance {
namespace {

namespace fs = std::filesystem;

// joblib's own: from so many free bytes on it takes /dev/shm.
constexpr std::uint64_t kMinShmBytes = 2'000'000'000;

// The table's names for folders, and those folders here.
class Roots {
 public:
  Roots() {
    fs::remove_all(base_);
    for (const auto& [name, path] : all_) fs::create_directories(path);
  }
  Roots(const Roots&) = delete;
  ~Roots() { fs::remove_all(base_); }

  std::string UserFile() const { return base_ + "/user/user.mmap"; }
  // The values with names in their places.
  Json In(const Json& variables) const {
    Json::Members members = variables.members();
    for (auto& [key, value] : members) {
      for (const auto& [name, path] : all_) {
        if (value == Json::Text(name)) value = Json::Text(path);
      }
    }
    return Json::Object(std::move(members));
  }
  Json NameOf(const std::string& file) const {
    for (const auto& [name, path] : all_) {
      if (absl::StartsWith(file, path + "/")) return Json::Text(name);
    }
    return Json::Text(file);
  }

 private:
  const std::string base_ = ::testing::TempDir() + "/memmap_replay";
  const std::vector<std::pair<std::string, std::string>> all_ = {
      {"<TEMP_FOLDER>", base_ + "/param"},
      {"<JOBLIB_TEMP_FOLDER>", base_ + "/joblib"},
      {"<TMPDIR>", base_ + "/tmpdir"},
      {"<USER>", base_ + "/user"},
      {"<SHM>", "/dev/shm"}};
};

// ---- Arrays

template <class T>
Array<T> Build(const Json& spec, const Roots& roots) {
  const std::string& kind = spec["kind"].text();
  const std::string& order = spec["order"].text();
  std::vector<std::int64_t> shape;
  for (const Json& extent : spec["shape"].items()) {
    shape.push_back(extent.integer());
  }
  const Json* offset_of = spec.Find("offset");
  const std::int64_t offset = offset_of == nullptr ? 0 : offset_of->integer();
  const bool is_file = absl::StartsWith(kind, "memmap");
  const MemmapOptions where = {.offset = offset, .order = order[0]};
  Array<T> array = is_file ? memmap<T>(roots.UserFile(), "w+", shape, where)
                           : Array<T>::empty(shape, Memory::kPrivate, order[0]);
  int next = 0;
  for (T& x : array.mutable_view()) x = static_cast<T>(next++ % 100);
  if (is_file && spec["mode"] != Json::Text("w+")) {
    array = memmap<T>(roots.UserFile(), spec["mode"].text(), shape, where);
  }
  const std::int64_t n = shape.empty() ? 0 : shape[0];
  if (kind == "transposed") return array.transpose();
  if (kind == "strided" || kind == "memmap_strided")
    return array.slice(0, n, 2);
  if (kind == "contiguous_slice" || kind == "memmap_slice") {
    return array.slice(n / 2, n);
  }
  // memmap_asarray: the same type here.
  return array;
}

template <class T>
Json NameOfType() {
  if (std::is_same_v<T, bool>) return Json::Text("bool");
  if (std::is_same_v<T, std::int8_t>) return Json::Text("int8");
  if (std::is_same_v<T, double>) return Json::Text("float64");
  return Json::Text("complex128");
}

Json Floating(double value) {
  return Json::Number(Json::Kind::kFloating, absl::StrFormat("%.1f", value));
}

Json PermissionsOf(const fs::path& path) {
  const auto bits = static_cast<unsigned>(fs::status(path).permissions());
  return Json::Text(absl::StrFormat("0o%o", bits));
}

Json TextOrNull(bool is_text, const std::string& text) {
  return is_text ? Json::Text(text) : Json();
}

// What a task sees; "file" is taken out again by the caller.
template <class T>
Json Look(Array<T> array, bool writes) {
  std::complex<double> sum;
  for (const T& x : array) sum += std::complex<double>(x);
  Json::Items shape;
  for (const std::int64_t extent : array.shape()) {
    shape.push_back(Json::Integer(extent));
  }
  const bool is_map = array.is_memmap();
  const bool has_name = is_map && fs::exists(array.filename());
  const fs::path file = array.filename();
  Json::Members seen = {
      {"type", Json::Text(is_map ? "memmap" : "ndarray")},
      {"shared", Json::Boolean(is_map)},
      {"mode", TextOrNull(is_map, array.mmap_mode())},
      {"offset", is_map ? Json::Integer(array.offset()) : Json()},
      {"writeable", Json::Boolean(array.writeable())},
      {"c_contiguous", Json::Boolean(array.is_c_contiguous())},
      {"f_contiguous", Json::Boolean(array.is_f_contiguous())},
      {"shape", Json::Array(std::move(shape))},
      {"dtype", NameOfType<T>()},
      {"sum", Floating(sum.real())},
      {"file", Json::Text(array.filename())},
      {"folder_mode", has_name ? PermissionsOf(file.parent_path()) : Json()},
      {"file_mode", has_name ? PermissionsOf(file) : Json()}};
  if (writes) {
    const Json error = ErrorOf([&] {
      auto view = array.mutable_view();
      *view.begin() = static_cast<T>(77);
    });
    seen.emplace_back("write",
                      error.is_null() ? Json::Text("accepted") : error);
  }
  return Json::Object(std::move(seen));
}

template <class T>
Array<T> Same(Array<T> array) {
  return array;
}

// ---- Scenarios

template <class T>
class Scenario {
 public:
  Scenario(const Json& scenario, const Roots& roots)
      : scenario_(scenario),
        roots_(roots),
        options_(ToParallelOptions(roots.In(scenario["parallel"]))),
        array_(Build<T>(scenario["array"], roots)) {}

  Json Run() {
    const Json* kind = scenario_.Find("kind");
    if (kind == nullptr) return Argument();
    if (kind->text() == "managed") return Managed();
    if (kind->text() == "two_parallels") return TwoParallels();
    if (kind->text() == "returned") return Returned();
    throw std::logic_error("a scenario of kind " + kind->text());
  }

 private:
  Json::Items LookAt(Parallel& parallel,
                     const std::vector<Array<T>>& arrays) const {
    const Json* write = scenario_.Find("write");
    const bool writes = write != nullptr && write->boolean();
    return parallel(each(arrays, [&](const Array<T>& array) {
      return delayed(Look<T>)(array, writes);
    }));
  }

  Json Argument() {
    const Array<T> before = array_.copy();
    const Json* n = scenario_.Find("n_tasks");
    std::vector<Array<T>> arrays(
        n == nullptr ? 1 : static_cast<std::size_t>(n->integer()), array_);
    if (scenario_.Find("copies") != nullptr) {
      for (std::size_t i = 1; i < arrays.size(); ++i) arrays[i] = array_.copy();
    }
    Parallel parallel(options_);
    const Json::Items seen = LookAt(parallel, arrays);
    Json::Members out = {{"sees", Without(seen[0], "file")}};
    if (seen[0]["shared"].boolean()) {
      std::set<std::string> files;
      for (const Json& one : seen) files.insert(one["file"].text());
      out.emplace_back("place",
                       Json::Object({{"root", roots_.NameOf(*files.begin())}}));
      out.emplace_back("distinct_files",
                       Json::Integer(static_cast<std::int64_t>(files.size())));
    }
    out.emplace_back("parent_array_changed",
                     Json::Boolean(!IsEqual(array_, before)));
    return Json::Object(std::move(out));
  }

  Json Managed() {
    Parallel parallel(options_);
    const auto session = parallel.session();
    std::set<std::string> files;
    for (int call = 0; call < scenario_["calls"].integer(); ++call) {
      files.insert(FileSeen(parallel));
    }
    return SameFile(files);
  }

  Json TwoParallels() {
    Parallel first(options_), second(options_);
    return SameFile({FileSeen(first), FileSeen(second)});
  }

  Json Returned() {
    Parallel parallel(options_);
    const std::vector<Array<T>> got =
        parallel(each(range(2), [&](int) { return delayed(Same<T>)(array_); }));
    const bool is_map = got[0].is_memmap();
    return Json::Object(
        {{"returned_type", Json::Text(is_map ? "memmap" : "ndarray")},
         {"returned_is_shared", Json::Boolean(is_map)},
         {"returned_mode", TextOrNull(is_map, got[0].mmap_mode())},
         {"returned_writeable", Json::Boolean(got[0].writeable())},
         {"equal", Json::Boolean(IsEqual(got[0], array_))}});
  }

  std::string FileSeen(Parallel& parallel) const {
    return LookAt(parallel, {array_, array_})[0]["file"].text();
  }
  static Json SameFile(const std::set<std::string>& files) {
    return Json::Object(
        {{"same_file_each_call",
          Json::Boolean(files.size() == 1 && !files.begin()->empty())}});
  }
  static bool IsEqual(const Array<T>& a, const Array<T>& b) {
    return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
  }

  const Json& scenario_;
  const Roots& roots_;
  const ParallelOptions options_;
  const Array<T> array_;
};

Json RunScenario(const Json& scenario, const Roots& roots) {
  const std::string& dtype = scenario["array"]["dtype"].text();
  if (dtype == "float64") return Scenario<double>(scenario, roots).Run();
  if (dtype == "int8") return Scenario<std::int8_t>(scenario, roots).Run();
  if (dtype == "bool") return Scenario<bool>(scenario, roots).Run();
  if (dtype == "complex128") {
    return Scenario<std::complex<double>>(scenario, roots).Run();
  }
  throw std::logic_error("elements of type " + dtype);
}

// With little room in /dev/shm the next folder is right.
Json OfThisMachine(const Json& expect) {
  const Json* place = expect.Find("place");
  if (place == nullptr || (*place)["root"] != Json::Text("<SHM>") ||
      native::FreeBytes("/dev/shm").value_or(0) > kMinShmBytes) {
    return expect;
  }
  return With(expect, "place",
              Json::Object({{"root", Json::Text("<TMPDIR>")}}));
}

void Replay(const Case& c) {
  const Roots roots;
  const FreshProcess process(roots.In(c.env), c.machine);
  WarningCollector warnings;
  Json seen;
  const Json error =
      ErrorOfCall([&] { seen = RunScenario(c.scenario, roots); });
  if (!error.is_null()) seen = Json::Object({{"error", error}});
  ExpectSame(OfThisMachine(c.expect), seen);
  ExpectSame(Json::Array({}), warnings.Take());
}

}  // namespace
}  // namespace joblib::conformance

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  joblib::conformance::RegisterReplay({
      .table = "memmap.json",
      .replay = joblib::conformance::Replay,
      .committed = {.native = 118},
  });
  return RUN_ALL_TESTS();
}
