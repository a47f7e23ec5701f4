#!/bin/sh
# Two hosts that have nothing in common but a wire: programs and Dask's scheduler
# on one, its worker on the other, which has a network, processes, /tmp, /dev/shm
# and a home of its own, and no file of the programs. Of the first one's home it
# has the engines' Python alone.
#   two_hosts_test.sh DIGITS_FOREST TWO_HOSTS_PROGRAM
set -eu
here=10.77.0.1
there=10.77.0.2
address=tcp://$here:8786
limit=120

fail() {
  echo "two_hosts_test: $*" >&2
  exit 1
}

# Says whether "$@" succeeds within $limit seconds.
eventually() {
  tries=$((limit * 10))
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.1
  done
}

# The second host. Its standard input tells that the wire is there.
host_there() {
  hostname there
  kept=/mnt  # Not below home.
  mount -t tmpfs kept "$kept"
  base=$(dirname "$(dirname "$(readlink -f "$JOBLIB_PYTHON")")")
  mkdir "$kept/base" "$kept/engines"
  mount --bind "$base" "$kept/base"
  mount --bind "$engines" "$kept/engines"
  cd /
  mount -t tmpfs home "$home"
  mkdir -p "$base" "$engines"
  mount --bind "$kept/base" "$base"
  mount --bind "$kept/engines" "$engines"
  mount -t tmpfs shm /dev/shm
  for program in "$@"; do
    [ ! -e "$program" ] || mount -t tmpfs hidden "$(dirname "$program")"
    [ ! -e "$program" ] || fail "$program is there, too"
  done
  mount -t tmpfs tmp /tmp
  export HOME="$home" TMPDIR=/tmp
  read -r _
  ip link set lo up
  ip addr add $there/24 dev wire
  ip link set wire up
  exec "$JOBLIB_PYTHON" -m distributed.cli.dask_worker $address --host $there \
    --nthreads 2 --no-nanny --no-dashboard
}

is_in_another_network() {
  [ "$(readlink /proc/$1/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}
left_there() {
  nsenter -t "$1" -m ls -A /tmp /dev/shm | grep joblib
}
nothing_left_there() { ! left_there "$1"; }

# The first host, which starts the other one.
host_here() {
  hostname here
  ip link set lo up
  mkfifo "$TMPDIR/wire"
  $namespaces "$0" there "$@" <"$TMPDIR/wire" &
  other=$!
  exec 3>"$TMPDIR/wire"
  eventually is_in_another_network $other || fail "the second host did not start"
  ip link add wire type veth peer name wire netns $other
  ip addr add $here/24 dev wire
  ip link set wire up
  "$JOBLIB_PYTHON" -m distributed.cli.dask_scheduler --host $here --port 8786 \
    --no-dashboard &
  echo connected >&3
  "$JOBLIB_PYTHON" -c "from distributed import Client
Client('$address', timeout=$limit).wait_for_workers(1, timeout=$limit)"
  export DASK_SCHEDULER_ADDRESS=$address
  "$1" --trees=40 --backend=dask --cluster=$address >"$TMPDIR/forest" ||
    fail "digits_forest failed"
  cat "$TMPDIR/forest"
  grep -q 'the same as with n_jobs=1$' "$TMPDIR/forest" ||
    fail "another forest grows on the second host"
  said=$("$2") || fail "the array did not arrive"
  echo "$said"
  [ "$said" = "8 tasks on there: 67108864 bytes, sum 35184367894528, one memory" ] ||
    fail "the array arrived elsewhere, or as another one"
  worker=$(cut -d ' ' -f 1 /proc/$other/task/$other/children)
  nsenter -t "$worker" -m true || fail "the second host has gone"
  eventually nothing_left_there "$worker" ||
    fail "left on the second host: $(left_there "$worker")"
}

case "${1:-}" in
  there | here)
    host=$1
    shift
    "host_$host" "$@"
    exit
    ;;
esac
home=$(getent passwd "$(id -u)" | cut -d: -f6)
engines=$home/.cache/joblib-cluster
export home engines JOBLIB_PYTHON="$engines/bin/python"
export TMPDIR="${TEST_TMPDIR:?}"
options="--net --mount --pid --ipc --uts --fork --kill-child --mount-proc"
# As root, else as root of users' namespace.
for user in "" "--user --map-root-user"; do
  export namespaces="unshare $user $options"
  if $namespaces sh -c 'ip link add one type veth peer name two &&
                        mount -t tmpfs none /mnt' 2>"$TMPDIR/refused"; then
    exec $namespaces "$0" here "$(readlink -f "$1")" "$(readlink -f "$2")"
  fi
done
echo "skipped: this machine does not allow namespaces ($(cat "$TMPDIR/refused"))"
