#!/bin/bash
# Bazel takes a tool only from the toolchain's own folder.
exec /usr/bin/emar "$@"
