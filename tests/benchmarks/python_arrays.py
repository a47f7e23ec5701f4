"""The peer in Python of the array benchmarks: joblib and numpy, two workers.

Called and reports as python_loky.py.
"""

import gc
import os
import signal
import threading
import time

import numpy
from joblib import Parallel, delayed

from python_loky import N_JOBS, main, seconds_of, squares

SIZE = (512 << 20) // 8
RESULT_SIZE = (64 << 20) // 8
MIB = 1024


def warm():
    parallel = Parallel(n_jobs=N_JOBS)
    parallel(squares(N_JOBS))
    return parallel


def sum_of(array):
    def call():
        sums = parallel(delayed(numpy.sum)(array) for _ in range(4))
        assert sums == [SIZE] * 4

    with warm() as parallel:
        return seconds_of(call)


def sum_plain():
    return sum_of(numpy.ones(SIZE))


def sum_memmap():
    path = "/dev/shm/joblib-benchmark-%d" % os.getpid()
    array = numpy.memmap(path, numpy.float64, "w+", shape=SIZE)
    try:
        array[:] = 1
        return sum_of(array)
    finally:
        os.remove(path)


def descendants(pid):
    found = []
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/children" % (pid, task)) as stream:
            for child in stream.read().split():
                found += [int(child)] + descendants(int(child))
    return found


def pss_kib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as stream:
        (line,) = [l for l in stream if l.startswith("Pss:")]
    return int(line.split()[1])


def stop_for_a_look(pid):
    """A stopped one maps nothing: no page is counted twice, here and there."""
    os.kill(pid, signal.SIGSTOP)
    state = ""
    while state not in ("T", "Z"):
        with open("/proc/%d/stat" % pid) as stream:
            state = stream.read().rpartition(") ")[2].split()[0]


def peak_pss():
    """The most of all processes in MiB, without the array itself."""
    peak, stops = [0], threading.Event()

    def look():
        while not stops.is_set():
            children = descendants(os.getpid())
            for pid in children:
                stop_for_a_look(pid)
            now = sum(map(pss_kib, [os.getpid()] + children))
            for pid in children:
                os.kill(pid, signal.SIGCONT)
            peak[0] = max(peak[0], now)
            time.sleep(0.02)  # In which they go on.

    array = numpy.ones(SIZE)
    with warm() as parallel:
        thread = threading.Thread(target=look)
        thread.start()
        seconds = seconds_of(
            lambda: parallel(delayed(numpy.sum)(array) for _ in range(4))
        )
        stops.set()
        thread.join()
    return seconds, {"over_mib": peak[0] / MIB - (512 << 20) / (MIB * MIB)}


def results():
    with warm() as parallel:
        made = []
        seconds = seconds_of(
            lambda: made.extend(
                parallel(delayed(numpy.full)(RESULT_SIZE, i) for i in range(8))
            )
        )
        assert [a[-1] for a in made] == list(range(8))
        return seconds


def use_both(values, lookup, i):
    return values[i] + lookup[i]


def shared_values():
    n = 20
    values = numpy.ones(25_000_000)
    lookup = {i: float(i) for i in range(300_000)}
    gc.collect()
    with warm() as parallel:
        seconds = seconds_of(
            lambda: parallel(
                delayed(use_both)(values, lookup, i) for i in range(n)
            )
        )
    return seconds / n


BENCHMARKS = {
    "BM_NumpySumPlain": sum_plain,
    "BM_NumpySumMemmap": sum_memmap,
    "BM_NumpyPss": peak_pss,
    "BM_NumpyResults": results,
    "BM_NumpySharedValues": shared_values,
}

if __name__ == "__main__":
    main(BENCHMARKS)
