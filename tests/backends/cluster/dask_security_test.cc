// A Dask that requires TLS: who has a certificate of it gets in, others an
// error.
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "joblib/joblib.h"
#include "tests/backends/cluster/cluster_tasks.h"
#include "tests/backends/cluster/engine_python.h"
#include "tests/backends/cluster/own_dask.h"
#include "tests/testing/run_self.h"

namespace joblib::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Clock = std::chrono::steady_clock;

// By which Dask's clients know their certificates.
const std::string kTls = "DASK_DISTRIBUTED__COMM__TLS__";

class DaskSecurityTest : public OwnDask {
 protected:
  DaskSecurityTest() : OwnDask("tls") {
    MakeCertificate("own");
    StartScheduler(TlsWords());
    EXPECT_TRUE(Eventually([this] { return Listens(std::atoi(port_.c_str())); },
                           kPatience));
  }
  ~DaskSecurityTest() override { UseCertificate(""); }

  std::string CertificateOf(const std::string& name) const {
    return folder_ / (name + ".pem");
  }
  std::string KeyOf(const std::string& name) const {
    return folder_ / (name + "-key.pem");
  }
  // One that has signed itself.
  void MakeCertificate(const std::string& name) const {
    const ProgramEnd end = RunProgram(
        "openssl", "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=" +
                       name + " -keyout '" + KeyOf(name) + "' -out '" +
                       CertificateOf(name) + "'");
    ASSERT_EQ(end.exit_code, 0) << end.output;
  }
  std::vector<std::string> TlsWords() const {
    return {"--tls-ca-file",      CertificateOf("own"), "--tls-cert",
            CertificateOf("own"), "--tls-key",          KeyOf("own")};
  }
  // From the next connection on; none where `name` is empty.
  void UseCertificate(const std::string& name) const {
    const auto set = [&](const std::string& variable, const std::string& file) {
      if (name.empty()) {
        unsetenv((kTls + variable).c_str());
      } else {
        setenv((kTls + variable).c_str(), file.c_str(), 1);
      }
    };
    set("CA_FILE", CertificateOf(name));
    set("CLIENT__CERT", CertificateOf(name));
    set("CLIENT__KEY", KeyOf(name));
  }
  ConfigOptions At(const std::string& protocol) const {
    ConfigOptions options = Here(kSeconds);
    options.backend_params = {
        {"scheduler_host", protocol + "://127.0.0.1:" + port_},
        {"connect_timeout", kSeconds}};
    return options;
  }

  static constexpr int kSeconds = 3;
  // With the start of Python.
  static constexpr std::chrono::seconds kInTime{30};
};

TEST_F(DaskSecurityTest, TasksRunWithItsCertificate) {
  const EngineProcess workers[] = {StartWorker(TlsWords()),
                                   StartWorker(TlsWords())};
  UseCertificate("own");
  const parallel_config scope(Here());
  ASSERT_TRUE(AwaitWorkers(2));
  EXPECT_EQ(Parallel().map(Twice, range(3)), (std::vector<int>{0, 2, 4}));
}

TEST_F(DaskSecurityTest, WithoutTlsIsAnErrorInTime) {
  const parallel_config scope(At("tcp"));
  const auto start = Clock::now();
  EXPECT_THAT([] { Parallel().map(Twice, range(3)); },
              ThrowsMessage<BrokenProcessPool>(HasSubstr("requires TLS")));
  EXPECT_LT(Clock::now() - start, kInTime);
}

TEST_F(DaskSecurityTest, AnotherCertificateIsAnErrorInTime) {
  MakeCertificate("foreign");
  UseCertificate("foreign");
  const parallel_config scope(At("tls"));
  const auto start = Clock::now();
  EXPECT_THAT([] { Parallel().map(Twice, range(3)); },
              ThrowsMessage<BrokenProcessPool>(HasSubstr("no Dask scheduler")));
  EXPECT_LT(Clock::now() - start, kInTime);
}

TEST_F(DaskSecurityTest, NoCertificateIsAnError) {
  const parallel_config scope(At("tls"));
  EXPECT_THAT([] { Parallel().map(Twice, range(3)); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("TLS")));
}

}  // namespace
}  // namespace joblib::testing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const joblib::testing::EngineHome home;
  setenv("DASK_LOGGING__DISTRIBUTED", "critical", 1);
  return RUN_ALL_TESTS();
}
