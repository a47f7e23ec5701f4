#!/bin/sh
# Runs the example ($1) and looks at what it says.
set -eu
python=$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/joblib-cluster/bin/python
export JOBLIB_PYTHON="${JOBLIB_PYTHON:-$python}"
export TMPDIR="${TEST_TMPDIR:-/tmp}"
said=$("$1")
echo "$said"
echo "$said" | grep -q '^dashboard: http://127\.0\.0\.1:[0-9]*/status$'
echo "$said" | grep -q '^10 results, their sum is 45$'
