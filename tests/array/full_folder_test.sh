#!/bin/bash
# Runs a test program where /tmp, /dev/shm and a folder are filesystems of
# 16 MB: in a mount namespace of its own, as root or with a user namespace.
#   full_folder_test.sh PROGRAM
set -euo pipefail
program=$(realpath "$1")
work=$(realpath "${TEST_TMPDIR:?}")
case $work/ in
  /tmp/*|/dev/shm/*)
    # It would be hidden.
    echo "skipped: the tests' folder $work lies where the small ones are to be"
    exit 0 ;;
esac
own_namespace=(unshare --mount)
[ "$(id -u)" = 0 ] || own_namespace=(unshare --mount --map-root-user)
mkdir -p "$work/small" "$work/roomy"
run='set -e
for folder in "$work/small" /tmp /dev/shm; do
  mount -t tmpfs -o size=16m none "$folder"
done'
export work
if ! "${own_namespace[@]}" bash -c "$run" 2>"$work/why"; then
  echo "skipped: this user can't mount a small filesystem: $(cat "$work/why")"
  exit 0
fi
export JOBLIB_SMALL_FOLDER=$work/small TMPDIR=$work/roomy
unset JOBLIB_TEMP_FOLDER TEMP TMP
# --kill-child: what this test leaves behind ends with it.
exec "${own_namespace[@]}" --fork --kill-child \
  bash -c "$run"'; exec "$0"' "$program"
