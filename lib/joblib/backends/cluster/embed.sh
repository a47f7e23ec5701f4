#!/bin/sh
# Writes bridge_sources.cc: "$@" are pairs of a constant's name and a file. A
# string literal has a limit in the standard (64 KiB), each file is below it.
set -eu
echo '#include "joblib/backends/cluster/bridge_sources.h"'
echo 'namespace joblib::internal {'
while [ "$#" -gt 0 ]; do
  printf 'const std::string_view %s = R"JOBLIB(' "$1"
  cat "$2"
  echo ')JOBLIB";'
  shift 2
done
echo '}  // namespace joblib::internal'
