#!/usr/bin/env bash
# What a change has to pass before it is submitted: format, layers, a comment
# for each public name, a clang++ build without a warning (-Wthread-safety reads
# the lock annotations), clang-tidy, the native tests.
#   tools/presubmit.sh         clang-tidy reads the files changed since `main`
#   tools/presubmit.sh --all   all files
# $BAZEL, if set, is the command to call instead of `bazel`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
read -r -a bazel <<<"${BAZEL:-bazel}"
all=""
case "${1:-}" in
  "") ;;
  --all) all=1 ;;
  *)
    echo "usage: $0 [--all]" >&2
    exit 2
    ;;
esac

step() { echo "presubmit: $*"; }
fail() {
  echo "presubmit: $* failed" >&2
  exit 1
}

# The repository's own C++ files, those not yet added to git too.
sources() {
  git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' |
    while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

# Those that differ from the main branch, or are not committed.
changed_sources() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null ||
    git rev-parse HEAD 2>/dev/null) || {
    sources
    return
  }
  {
    git diff --name-only "$base" -- '*.cc' '*.h'
    git ls-files --others --exclude-standard -- '*.cc' '*.h'
  } | while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

tools/setup.sh --lint

step "format"
sources | xargs -r clang-format-14 --dry-run -Werror ||
  fail "format (clang-format-14 -i FILE mends it):"

step "layers"
tools/check_layers.py || fail "layers"

step "clang++ build with -Wthread-safety"
targets=()
for folder in lib native tests; do
  [ ! -d "$folder" ] || targets+=("//$folder/...")
done
log=$(mktemp)
trap 'rm -f "$log"' EXIT
"${bazel[@]}" build --config=clang --keep_going --noshow_progress \
  "${targets[@]}" >"$log" 2>&1 </dev/null || {
  cat "$log" >&2
  fail "clang++ build"
}

step "clang-tidy"
# Over what was just built: its commands, and the headers that it generated.
BAZEL="${bazel[*]}" tools/compile_commands.py --config=clang "${targets[@]}"
if [ -n "$all" ]; then sources; else changed_sources; fi |
  { grep '\.cc$' || true; } | tools/compile_commands.py --only-known |
  xargs -r -P "$(nproc)" -n 1 clang-tidy-14 -p . --quiet 2>"$log" || {
  grep -v 'warnings generated' "$log" >&2 || true
  fail "clang-tidy"
}

tools/test native
