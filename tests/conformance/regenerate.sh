#!/bin/bash
# Rewrites tables/ from joblib itself, in a virtual environment of its own:
#   regenerate.sh                          # all tables
#   regenerate.sh --topic functions        # one of them
#   regenerate.sh --out /tmp/tables ...    # elsewhere
# Python 3.11 on Linux is what the tables were observed with. A table that
# changes without a new joblib has found a race, not a new truth: look at it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
venv=${XDG_CACHE_HOME:-$HOME/.cache}/joblib-conformance-1.6.0
if [ ! -e "$venv/complete" ]; then
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet \
    joblib==1.6.0 numpy==2.4.6 psutil==7.2.2 distributed==2026.8.0
  touch "$venv/complete"
fi
exec "$venv/bin/python" "$here/generate.py" --out "$here/tables" "$@"
