"""The peer in Python: joblib's own loky backend, two workers.

    python_loky.py --benchmark_filter=^BM_LokyOneByOne$

Reports as Google Benchmark does with --benchmark_format=json; other flags are
not looked at. Run by tools/bench, with the Python of its environment.
"""

import json
import re
import sys
import time

from joblib import Parallel, delayed

N_JOBS = 2


def squares(n):
    # A builtin travels by its name, which costs least.
    return (delayed(pow)(i, 2) for i in range(n))


def seconds_of(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def one_by_one():
    n = 2000
    with Parallel(n_jobs=N_JOBS, batch_size=1) as parallel:
        parallel(squares(N_JOBS))
        return seconds_of(lambda: parallel(squares(n))) / n


def auto():
    n = 1_000_000
    with Parallel(n_jobs=N_JOBS) as parallel:
        parallel(squares(N_JOBS))
        return seconds_of(lambda: parallel(squares(n))) / n


def first_call():
    return seconds_of(lambda: Parallel(n_jobs=N_JOBS)(squares(N_JOBS)))


def wake():
    samples = []
    with Parallel(n_jobs=N_JOBS) as parallel:
        parallel(squares(N_JOBS))
        for _ in range(41):
            time.sleep(0.005)
            samples.append(seconds_of(lambda: parallel(squares(N_JOBS))))
    return sorted(samples)[len(samples) // 2]


BENCHMARKS = {
    "BM_LokyOneByOne": one_by_one,
    "BM_LokyAuto": auto,
    "BM_LokyFirstCall": first_call,
    "BM_LokyWake": wake,
}


def report(name, seconds, counters):
    return {
        "name": name,
        "real_time": 1e9 * seconds,
        "time_unit": "ns",
        "us": 1e6 * seconds,
        **counters,
    }


def main(benchmarks):
    """Runs what is wanted of {name: function that returns seconds, or seconds
    and {counter: value}}."""
    flag = "--benchmark_filter="
    (wanted,) = [a[len(flag):] for a in sys.argv if a.startswith(flag)]
    reports = []
    for name, function in benchmarks.items():
        if re.search(wanted, name):
            result = function()
            if not isinstance(result, tuple):
                result = (result, {})
            reports.append(report(name, *result))
    print(json.dumps({"benchmarks": reports}))


if __name__ == "__main__":
    main(BENCHMARKS)
