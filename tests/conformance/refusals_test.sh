#!/bin/bash
# A replay must not be green because it found nothing to replay.
#   refusals_test.sh PATH_OF_A_REPLAY_TEST TABLE
set -u
replay=$PWD/$1 table=$2
folder=$(mktemp -d "$TEST_TMPDIR/tables.XXXXXX")
status=0

# refuses WHAT FOLDER: the replay must fail and say why.
refuses() {
  if JOBLIB_CONFORMANCE_DIR=$2 "$replay" >"$TEST_TMPDIR/log" 2>&1; then
    echo "passed with $1"
    status=1
  elif ! grep -q 'FAILED.*TableCanBeRead' "$TEST_TMPDIR/log"; then
    echo "with $1 it failed otherwise:"
    cat "$TEST_TMPDIR/log"
    status=1
  fi
}

refuses "no folder" ""
refuses "an absent folder" "$folder/absent"
refuses "an empty folder" "$folder"
: >"$folder/$table"
refuses "an empty file" "$folder"
echo "[]" >"$folder/$table"
refuses "a table without cases" "$folder"
echo '[{"id": "a", "env": {}, "scenario": {}, "expect": {}},]' >"$folder/$table"
refuses "a table that is not JSON" "$folder"
echo '[{"id": "a"}]' >"$folder/$table"
refuses "a case without a scenario" "$folder"
rm "$folder/$table"
mkdir "$folder/$table"
refuses "a folder in place of the table" "$folder"
rmdir "$folder/$table"

# Other tables of the same form have no committed number; a case is a test with
# the name of its id.
echo '[{"id": "one", "env": {}, "scenario": {"kind": "time", "seconds": [1]}, "expect": {"1": "   1.0s"}}]' >"$folder/$table"
if ! JOBLIB_CONFORMANCE_DIR=$folder "$replay" >"$TEST_TMPDIR/log" 2>&1 ||
  ! grep -q "$table: 1 cases replayed" "$TEST_TMPDIR/log" ||
  ! grep -qF "OK ] ${table%.json}.one " "$TEST_TMPDIR/log"; then
  cat "$TEST_TMPDIR/log"
  status=1
fi
exit $status
