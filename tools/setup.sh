#!/usr/bin/env bash
# Makes a Debian 12 machine able to build this repository: installs with apt-get
# what is missing, and lays Debian's source tarballs of our C++ dependencies in
# a cache folder outside the repository, where tools/deps/deps.bzl looks first.
# A second run takes a moment and changes nothing.
# The cluster backends are tested on real engines, from pip packages in a virtual
# environment of their own (350 MB) outside the repository.
#   tools/setup.sh            what `bazel test //...` needs, in any configuration
#   tools/setup.sh --bench    also the peers that tools/bench compares with
#   tools/setup.sh --lint     also clang++, clang-format and clang-tidy
set -euo pipefail

packages=(g++ bazel-bootstrap bazel-platforms bazel-rules-java bazel-skylib
          openjdk-17-jdk-headless libhwloc-dev libcereal-dev rapidjson-dev
          libeigen3-dev libopenblas0-pthread libtbb-dev libgtest-dev
          cmake make pkg-config doxygen gdb iproute2 openssl python3
          python3-numpy python3-venv emscripten node-acorn nodejs chromium
          chromium-driver)
for arg in "$@"; do
  case "$arg" in
    --bench) packages+=(openmpi-bin libopenmpi-dev python3-venv) ;;
    --lint) packages+=(clang-14 clang-format-14 clang-tidy-14) ;;
    *)
      echo "usage: $0 [--bench] [--lint]" >&2
      exit 2
      ;;
  esac
done
# Debian's source package, the tarball it gives, its sha256 as in
# tools/deps/deps.bzl.
sources="
abseil     abseil_20220623.1.orig.tar.gz  abfe2897f3a30edaa74bc34365afe3c2a3cd012091a97dc7e008f7016adcd5fe
googletest googletest_1.12.1.orig.tar.gz  81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2
benchmark  benchmark_1.7.1.orig.tar.gz    6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7
"
distdir="${JOBLIB_DISTDIR:-${XDG_CACHE_HOME:-$HOME/.cache}/joblib-distdir}"

engines="dask[distributed]==2026.8.0 ray==2.60.0"
# Where tests/backends/cluster/engine_python.cc looks: tests have no HOME.
engines_dir="$(getent passwd "$(id -u)" | cut -d: -f6)/.cache/joblib-cluster"

say() { echo "setup: $*"; }
fail() {
  say "$*" >&2
  exit 1
}

# Runs "$@" as root. Its output is a page of noise: shown only if it fails.
as_root() {
  local command=("$@") log status=0
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "needs root or sudo for: $*"
    command=(sudo DEBIAN_FRONTEND=noninteractive "$@")
  fi
  log=$(mktemp)
  "${command[@]}" >"$log" 2>&1 </dev/null || status=$?
  [ "$status" = 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# Whether Debian's tarball $1 is here, with the sha256 $2.
have_source() {
  echo "$2  $distdir/$1" | sha256sum --check --status 2>/dev/null
}

# The packages of "$@" that are not installed, a line each.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' |
    sed -n 's/^installed //p')
  for package in "$@"; do
    grep -qxF -- "$package" <<<"$installed" || echo "$package"
  done
}

# The source packages whose tarball is not here, a line each.
missing_sources() {
  local package file sha256
  while read -r package file sha256; do
    [ -z "$package" ] || have_source "$file" "$sha256" || echo "$package"
  done <<<"$sources"
}

install_packages() {
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -q || fail "apt-get update failed: see above"
  as_root apt-get install -y -q --no-install-recommends "$@" ||
    fail "apt-get install failed: see above"
}

# Fetches source packages into $distdir by a private list of deb-src lines: one
# for each Debian archive that apt knows. The system's own lists stay as they
# are.
fetch_sources() {
  say "fetching Debian's sources of $* into $distdir"
  local tmp status=0
  tmp=$(mktemp -d)
  chmod 755 "$tmp"
  mkdir -p "$tmp/lists/partial" "$tmp/out"
  apt-get indextargets \
    --format '$(LABEL)|deb-src $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' |
    sed -n 's/^Debian|//p' | sort -u >"$tmp/src.list"
  local apt=(apt-get -q
             -o Dir::Etc::SourceList="$tmp/src.list" -o Dir::Etc::SourceParts=-
             -o Dir::State::Lists="$tmp/lists" -o Dir::Cache::pkgcache=
             -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User="$(id -un)")
  {
    "${apt[@]}" update &&
      (cd "$tmp/out" &&
        "${apt[@]}" source --download-only --only-source "$@") &&
      mkdir -p "$distdir" && mv "$tmp"/out/*.orig.tar.* "$distdir"/
  } >"$tmp/log" 2>&1 </dev/null || status=$?
  [ "$status" = 0 ] || cat "$tmp/log" >&2
  rm -rf "$tmp"
  [ "$status" = 0 ] || fail "fetching the sources failed: see above"
}

command -v apt-get >/dev/null ||
  fail "this is no Debian: install by hand ${packages[*]}"
missing=($(missing_packages "${packages[@]}"))
[ "${#missing[@]}" = 0 ] || install_packages "${missing[@]}"
missing=($(missing_sources))
if [ "${#missing[@]}" != 0 ]; then
  # apt-get indextargets lists what an update has fetched.
  [ -n "$(apt-get indextargets 'Created-By: Packages')" ] ||
    as_root apt-get update -q || fail "apt-get update failed: see above"
  fetch_sources "${missing[@]}"
  missing=($(missing_sources))
  [ "${#missing[@]}" = 0 ] ||
    fail "not of the pinned release: the sources of ${missing[*]}"
fi
# The file says which versions are there: written last.
if [ "$(cat "$engines_dir/installed" 2>/dev/null)" != "$engines" ]; then
  say "installing $engines into $engines_dir"
  rm -rf "$engines_dir"
  log=$(mktemp)
  # shellcheck disable=SC2086  # Two words.
  { python3 -m venv "$engines_dir" &&
    "$engines_dir/bin/python" -m pip install -q $engines; } >"$log" 2>&1 || {
    cat "$log" >&2
    fail "installing the cluster engines failed: see above"
  }
  rm -f "$log"
  echo "$engines" >"$engines_dir/installed"
fi
say "ready"
