// What a Ray cluster does to its programs: its head dies, nodes come and go.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"
#include "tests/backends/cluster/engine_process.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/testing/eventually.h"
#include "tests/testing/gates.h"

namespace joblib::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Clock = std::chrono::steady_clock;

class OwnRay : public ::testing::Test {
 protected:
  OwnRay()
      : port_(FreePort()),
        address_("127.0.0.1:" + std::to_string(port_)),
        folder_(
            std::filesystem::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    setenv("RAY_ADDRESS", address_.c_str(), 1);
  }
  ~OwnRay() override { shutdown(); }

  static EngineProcess StartNode(std::vector<std::string> arguments) {
    const char* const all[] = {"--block", "--disable-usage-stats",
                               "--node-ip-address", "127.0.0.1"};
    arguments.insert(arguments.begin(), std::begin(all), std::end(all));
    // As the command `ray` does.
    const char* const command[] = {
        "-c", "from ray.scripts.scripts import main; main()", "start"};
    arguments.insert(arguments.begin(), std::begin(command), std::end(command));
    return EngineProcess(arguments);
  }
  // Until it can be asked.
  EngineProcess StartHead(int n_cpus) const {
    EngineProcess head =
        StartNode({"--head", "--port", std::to_string(port_), "--num-cpus",
                   std::to_string(n_cpus), "--include-dashboard", "false"});
    EXPECT_TRUE(Eventually([&] { return Listens(port_); }, kPatience));
    return head;
  }
  // The process that listens there.
  std::int64_t HeadsServer() const {
    return PidsWith("--gcs_server_port=" + std::to_string(port_)).at(0);
  }

  const int port_;
  const std::string address_;
  const std::filesystem::path folder_;
};

TEST_F(OwnRay, AKilledHeadIsAnErrorAndTheNextCallWorksOnceItIsBack) {
  EngineProcess head = StartHead(2);
  const parallel_config scope({.backend = "ray"});
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
  Clock::time_point killed;
  std::thread killer([&] {
    Eventually([&] { return FilesIn(folder_) > 1; }, kPatience);
    kill(static_cast<pid_t>(HeadsServer()), SIGKILL);
    killed = Clock::now();
  });
  try {
    Parallel({.batch_size = 1})(each(range(4), [&](int i) {
      return delayed(Leaves)(60000, folder_.string(), i);
    }));
    ADD_FAILURE() << "no error";
  } catch (const BrokenProcessPool& error) {
    // Ray's client may have ended its process before.
    EXPECT_THAT(error.what(), AnyOf(HasSubstr(address_ + " was lost"),
                                    HasSubstr("head has gone")));
  }
  killer.join();
  EXPECT_LT(Clock::now() - killed, std::chrono::seconds(10));
  head.AwaitEnd();  // With all that belongs to it.
  head = StartHead(2);
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
}

// The node that ran it, by its server.
std::int64_t NodeOf(int) {
  PidAfter(1);
  return std::atoll(std::getenv("RAY_RAYLET_PID"));
}

TEST_F(OwnRay, NodesJoinAndLeaveDuringARun) {
  const EngineProcess head = StartHead(2);
  // Of the call's two tasks one waits for a node.
  const parallel_config scope(
      {.backend = "ray",
       .backend_params = {{"ray_remote_args", {{"num_cpus", 2}}}}});
  EngineProcess joins;
  std::set<std::int64_t> seen;
  int since_it_left = 0;
  const auto start = Clock::now();
  Parallel parallel({.batch_size = 1, .pre_dispatch = 6});
  for (const std::int64_t node : parallel.generator(
           each(range(1 << 30), [](int i) { return delayed(NodeOf)(i); }))) {
    ASSERT_LT(Clock::now() - start, 2 * kPatience);
    if (seen.empty()) {
      joins = StartNode({"--address", address_, "--num-cpus", "2"});
    }
    seen.insert(node);
    if (seen.size() < 2) continue;
    if (since_it_left == 0) joins.Terminate();
    if (++since_it_left == 100) break;
  }
  EXPECT_EQ(since_it_left, 100);
}

// ---- Who is not let in ----

constexpr int kConnectSeconds = 3;
constexpr std::chrono::seconds kInTime{30};  // With the start of Python.

ConfigOptions InTime() {
  return {.backend = "ray",
          .backend_params = {{"connect_timeout", kConnectSeconds}}};
}

TEST_F(OwnRay, AWrongTokenIsAnErrorInTime) {
  const EngineProcess head = StartHead(2);
  const std::string right = std::getenv("RAY_AUTH_TOKEN");
  setenv("RAY_AUTH_TOKEN", std::string(64, 'b').c_str(), 1);
  const parallel_config scope(InTime());
  const auto start = Clock::now();
  EXPECT_THAT([] { Parallel().map(Twice, range(3)); },
              ThrowsMessage<BrokenProcessPool>(HasSubstr("RAY_AUTH_TOKEN")));
  EXPECT_LT(Clock::now() - start, kInTime);
  setenv("RAY_AUTH_TOKEN", right.c_str(), 1);
  const parallel_config patient({.backend = "ray"});
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
}

TEST_F(OwnRay, SomebodyListensAndSaysNothing) {
  const SilentPeer peer;
  setenv("RAY_ADDRESS", ("127.0.0.1:" + std::to_string(peer.port())).c_str(),
         1);
  const parallel_config scope(InTime());
  const auto start = Clock::now();
  EXPECT_THAT([] { Parallel().map(Twice, range(3)); },
              ThrowsMessage<BrokenProcessPool>(
                  HasSubstr("does not let this program in")));
  EXPECT_LT(Clock::now() - start, kInTime);
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  setenv("RAY_AUTH_MODE", "token", 1);
  setenv("RAY_AUTH_TOKEN", std::string(64, 'a').c_str(), 1);
  joblib::register_ray();
  return RUN_ALL_TESTS();
}
