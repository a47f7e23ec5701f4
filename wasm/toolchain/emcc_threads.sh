#!/bin/bash
# The compiler driver of the toolchain with pthreads: see emcc.sh.
EMCC_THREADS=1 exec "${0%/*}/emcc.sh" "$@"
