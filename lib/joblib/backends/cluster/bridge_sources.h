// The bridge's Python sources: data of the library, found wherever it is
// linked.
#ifndef JOBLIB_BACKENDS_CLUSTER_BRIDGE_SOURCES_H_
#define JOBLIB_BACKENDS_CLUSTER_BRIDGE_SOURCES_H_

#include <string_view>

namespace joblib::internal {

// bridge_sources.cc is made of them: see embed.sh.
extern const std::string_view kSidecarSource;
extern const std::string_view kDaskEngineSource;
extern const std::string_view kRayEngineSource;
extern const std::string_view kBridgeSource;

}  // namespace joblib::internal

#endif  // JOBLIB_BACKENDS_CLUSTER_BRIDGE_SOURCES_H_
