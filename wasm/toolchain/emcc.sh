#!/bin/bash
# The compiler driver of the single-threaded toolchain (see emscripten.bzl):
# drops the -pthread that Abseil and GoogleTest ask for; emcc_threads.sh keeps
# it. A link goes on to emlink.sh, which no compile action depends on: a change
# of this file recompiles everything, a change of that one only links.
export NODE_PATH=/usr/share/nodejs # acorn, for emcc: only Debian's node looks there
export EMCC_SKIP_SANITY_CHECK=1
args=() link=1
for arg in "$@"; do
  case "$arg" in
    -pthread) [ -z "$EMCC_THREADS" ] || args+=("$arg") ;;
    -lpthread | -lrt | -ldl | -Wl,--build-id*) ;; # in libc here; ELF only
    *)
      args+=("$arg")
      [ "$arg" != -c ] || link=""
      ;;
  esac
done
if [ -n "$link" ]; then exec "${0%/*}/emlink.sh" "${args[@]}"; fi
exec /usr/bin/emcc "${args[@]}"
