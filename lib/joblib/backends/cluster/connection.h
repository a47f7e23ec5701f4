// The kept connections with clusters: one bridge for each engine and address.
//
// Thread-safety: any thread.
#ifndef JOBLIB_BACKENDS_CLUSTER_CONNECTION_H_
#define JOBLIB_BACKENDS_CLUSTER_CONNECTION_H_

#include <memory>
#include <string>
#include <tuple>

#include "joblib/backends/cluster/bridge.h"
#include "joblib/core/backend_params.h"

namespace joblib::internal {

struct ClusterAddress {
  std::string engine;  // "dask", "ray".
  std::string address;
  std::string python;          // Empty: Bridge::Start chooses.
  double connect_timeout = 0;  // Seconds.
  friend bool operator<(const ClusterAddress& a, const ClusterAddress& b) {
    return std::tie(a.engine, a.address, a.python) <
           std::tie(b.engine, b.address, b.python);
  }
};

// The bridge to there, connected, with this program's files shipped: made at
// the first call and after its end. Throws what went wrong.
std::shared_ptr<Bridge> Connected(const ClusterAddress& address);
// From here on that bridge is the one to this address.
void SetConnected(const ClusterAddress& address,
                  std::shared_ptr<Bridge> bridge);
// Ends the connections with `address` of `engine`; waits for that.
void Disconnect(const std::string& engine, const std::string& address);
// Ends all of them but those of tasks; those of running calls break.
void DisconnectAll();

// The process of a connection, for tests; -1: there is none.
std::int64_t BridgePidForTest();

// The parameter `name`, or `otherwise`. Throws std::invalid_argument where it
// is of another kind; seconds have to be 0 or more.
std::string TextParam(const BackendParams& params, const char* name,
                      const std::string& otherwise);
double SecondsParam(const BackendParams& params, const char* name,
                    double otherwise);

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_CONNECTION_H_
