"""Drives cluster_program (the first argument) on a cluster of two workers, and in
turn the engine itself (submit and gather) and Python's joblib, all on that very
cluster.

Called and reports as python_loky.py, with the program before the flags. The
engines' packages are those of tools/setup.sh.
"""

import contextlib
import glob
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

ENGINES = os.path.expanduser("~/.cache/joblib-cluster")
(PACKAGES,) = glob.glob(os.path.join(ENGINES, "lib", "python3*", "site-packages"))
# What joblib needs is here, and has to be on the workers, too.
HERE = [path for path in sys.path if path.endswith("site-packages")]
sys.path.append(PACKAGES)
os.environ["PYTHONPATH"] = os.pathsep.join(HERE + [PACKAGES])
os.environ["JOBLIB_PYTHON"] = os.path.join(ENGINES, "bin", "python")

import numpy  # noqa: E402
from joblib import Parallel, parallel_config  # noqa: E402

from python_loky import main, seconds_of, squares  # noqa: E402

START_SECONDS = 60
ONE, AUTO, THOUSANDS, SHARED = 2000, 20_000, 200_000, 2000
SHARED_BYTES = 64 << 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def processes():
    """Gives what starts Python with some words; all of them end with this."""
    started = []

    def start(*words):
        started.append(
            subprocess.Popen(
                [sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    try:
        yield start
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def element(data, i):
    return data[i]


class Dask:
    name = "dask"

    def __init__(self, start, folder):
        port = free_port()
        self.address = "tcp://127.0.0.1:%d" % port
        os.environ["DASK_SCHEDULER_ADDRESS"] = self.address
        start("-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
              "--port", str(port), "--no-dashboard")
        start("-m", "distributed.cli.dask_worker", self.address, "--nworkers", "2",
              "--nthreads", "1", "--no-dashboard", "--local-directory", folder)
        self.connecting = (
            "from distributed import Client; Client(%r)" % self.address
        )
        from distributed import Client

        self.client = Client(self.address, timeout=START_SECONDS)
        self.client.wait_for_workers(2, timeout=START_SECONDS)

    def squares(self, n):
        futures = [self.client.submit(pow, i, 2, pure=False) for i in range(n)]
        self.client.gather(futures)

    def shared(self, n):
        data = self.client.scatter(
            numpy.zeros(SHARED_BYTES, numpy.uint8), broadcast=True, hash=False
        )
        futures = [self.client.submit(element, data, i, pure=False) for i in range(n)]
        self.client.gather(futures)

    def close(self):
        self.client.close()


class Ray:
    name = "ray"

    def __init__(self, start, folder):
        port = free_port()
        self.address = "127.0.0.1:%d" % port
        os.environ.update(
            RAY_ADDRESS=self.address, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a" * 64
        )
        # Ray's sockets need a short name.
        descriptor = os.open(folder, os.O_RDONLY)
        os.environ["RAY_TMPDIR"] = "/proc/%d/fd/%d" % (os.getpid(), descriptor)
        start("-c", "from ray.scripts.scripts import main; main()", "start",
              "--head", "--block", "--disable-usage-stats", "--node-ip-address",
              "127.0.0.1", "--port", str(port), "--num-cpus", "2",
              "--include-dashboard", "false")
        self.connecting = (
            "import ray; ray.init(%r, logging_level='CRITICAL')" % self.address
        )
        import ray
        from ray.util.joblib import register_ray

        register_ray()
        self.ray = ray
        limit = time.monotonic() + START_SECONDS
        while not self.listens(port):
            if time.monotonic() > limit:
                sys.exit("Ray did not start")
            time.sleep(0.1)
        ray.init(self.address, logging_level="CRITICAL", log_to_driver=False)
        self.pow = ray.remote(pow_of)
        self.element = ray.remote(element)
        self.squares(2)

    @staticmethod
    def listens(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def squares(self, n):
        self.ray.get([self.pow.remote(i, 2) for i in range(n)])

    def shared(self, n):
        data = self.ray.put(numpy.zeros(SHARED_BYTES, numpy.uint8))
        self.ray.get([self.element.remote(data, i) for i in range(n)])

    def close(self):
        self.ray.shutdown()


def pow_of(x, y):
    """Ray takes no builtin."""
    return pow(x, y)


class Program:
    """Ours."""

    def __init__(self, engine):
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.argv[1], engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )
        self.answer()
        self.ready = time.perf_counter() - start

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("%s ended" % sys.argv[1])
        return line

    def seconds(self, measure, n):
        self.process.stdin.write("%s %d\n" % (measure, n))
        self.process.stdin.flush()
        return float(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measured(kind):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        start = stack.enter_context(processes())
        engine = stack.enter_context(contextlib.closing(kind(start, folder)))
        connecting = [sys.executable, "-c", engine.connecting]
        raw_connect = seconds_of(lambda: subprocess.run(connecting, check=True))
        program = stack.enter_context(contextlib.closing(Program(engine.name)))

        def joblib(n, **options):
            with parallel_config(engine.name):
                parallel = Parallel(n_jobs=-1, **options)
                return seconds_of(lambda: parallel(squares(n))) / n

        joblib(2)
        microseconds = {
            "raw_one": seconds_of(lambda: engine.squares(ONE)) / ONE,
            "ours_one": program.seconds("one", ONE) / ONE,
            "joblib_one": joblib(ONE, batch_size=1, pre_dispatch="all"),
            "ours_auto": program.seconds("auto", AUTO) / AUTO,
            "joblib_auto": joblib(AUTO),
            "ours_thousands": program.seconds("thousands", THOUSANDS) / THOUSANDS,
            "raw_shared": seconds_of(lambda: engine.shared(SHARED)) / SHARED,
            "ours_shared": program.seconds("shared", SHARED) / SHARED,
        }
    counters = {"%s_us" % name: 1e6 * s for name, s in microseconds.items()}
    counters.update(ours_ready_s=program.ready, raw_connect_s=raw_connect)
    return microseconds["ours_one"], counters


BENCHMARKS = {
    "BM_Dask": lambda: measured(Dask),
    "BM_Ray": lambda: measured(Ray),
}

if __name__ == "__main__":
    main(BENCHMARKS)
