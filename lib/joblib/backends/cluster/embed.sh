#!/bin/sh
# Writes bridge_sources.cc: "$@" are pairs of a constant's name and a file, or
# several that make one module, with + between. A string literal has a limit in
# the standard (64 KiB): each is below it.
set -eu
echo '#include "joblib/backends/cluster/bridge_sources.h"'
echo 'namespace joblib::internal {'
while [ "$#" -gt 0 ]; do
  printf 'const std::string_view %s = R"JOBLIB(' "$1"
  for file in $(echo "$2" | tr + ' '); do cat "$file"; done
  echo ')JOBLIB";'
  shift 2
done
echo '}  // namespace joblib::internal'
