"""The rows of tools/bench: what is measured, and the limit it has to keep.

Here those of threads; process_rows.py has those of worker processes,
array_rows.py those of large arrays, cluster_rows.py those of Dask and Ray. What a
row is made of: row_kinds.py.

To add a row: write the benchmark into tests/benchmarks/<cost>_benchmark.cc (a
peer's into a file of its own), and a Row below. Rows of one group are measured
together, in the same rounds.
"""

import array_rows
import cluster_rows
import process_rows
from row_kinds import Above, Group, Program, Ratio, Row, Speed, Value

PROGRAMS = {
    "joblib": Program("//tests/benchmarks:joblib_benchmarks"),
    "plain": Program("//tests/benchmarks:plain_benchmarks"),
    "oneTBB": Program(
        "//tests/benchmarks:tbb_benchmarks",
        probe="echo '#include <tbb/tbb.h>' |"
        " g++ -x c++ - -x none -shared -fPIC -o /dev/null -ltbb",
    ),
    "OpenMP": Program(
        "//tests/benchmarks:openmp_benchmarks",
        probe="echo '#include <omp.h>' |"
        " g++ -fopenmp -x c++ - -x none -shared -fPIC -o /dev/null",
    ),
    **process_rows.PROGRAMS,
    **array_rows.PROGRAMS,
    **cluster_rows.PROGRAMS,
}

GROUPS = {
    "dispatch": Group(),
    "sequential": Group(),
    "latency": Group(),
    "wake": Group(rounds=5),
    "idle": Group(rounds=5, patience=150),
    "balance": Group(),
    "late_tasks": Group(rounds=20, patience=400),
    "generator": Group(),
    "forest": Group(rounds=5, patience=240),
    "memory": Group(rounds=5),
    **process_rows.GROUPS,
    **array_rows.GROUPS,
    **cluster_rows.GROUPS,
}

_STORED = "joblib:BM_DispatchStored/real_time"
_LAZY = "joblib:BM_DispatchLazy/real_time"
_TBB_GRAIN_1 = "oneTBB:BM_DispatchParallelFor/real_time"
_TBB_TASK_GROUP = "oneTBB:BM_DispatchTaskGroup/real_time"
_OMP_DYNAMIC = "OpenMP:BM_DispatchDynamic/real_time"
_CHUNKS = "plain:BM_DispatchChunks/real_time"
_REGION = "OpenMP:BM_LatencyRegion/real_time"
_WAKE = "joblib:BM_WakePool/iterations:200/real_time"
_ONE_JOB = "joblib:BM_Forest/n_jobs:1/iterations:1/real_time"
_TWO_JOBS = "joblib:BM_Forest/n_jobs:2/iterations:1/real_time"

ROWS = []

for _calls, _ours in (("stored", _STORED), ("lazy", _LAZY)):
    _what = "1M trivial tasks, %s calls / " % _calls
    ROWS += [
        Row("dispatch", _what + "oneTBB parallel_for, grain 1",
            Ratio(_ours, _TBB_GRAIN_1), at_most=1 / 4),
        Row("dispatch", _what + "OpenMP dynamic,1",
            Ratio(_ours, _OMP_DYNAMIC), at_most=1 / 4),
        Row("dispatch", _what + "tbb::task_group",
            Ratio(_ours, _TBB_TASK_GROUP), at_most=1 / 20),
        Row("dispatch", _what + "hand-written chunks, stored",
            Ratio(_ours, _CHUNKS), at_most=3),
    ]

ROWS += [
    Row("sequential", "n_jobs=1, stored calls - bare loop",
        Above("joblib:BM_SequentialStored/real_time",
              "plain:BM_LoopStored/real_time", "ns"), at_most=3),
    Row("sequential", "n_jobs=1, lazy calls - inlined loop",
        Above("joblib:BM_SequentialLazy/real_time",
              "plain:BM_LoopLazy/real_time", "ns"), at_most=3),

    Row("latency", "4 trivial tasks, kept Parallel / OpenMP region",
        Ratio("joblib:BM_LatencyKept/real_time", _REGION), at_most=3),
    Row("latency", "4 trivial tasks, built anew, n_jobs=2 / OpenMP region",
        Ratio("joblib:BM_LatencyBuiltAnew/n_jobs:2/real_time", _REGION),
        at_most=5),
    Row("latency", "4 trivial tasks, built anew, n_jobs=-1 / OpenMP region",
        Ratio("joblib:BM_LatencyBuiltAnew/n_jobs:-1/real_time", _REGION),
        at_most=5),

    Row("wake", "4 tasks of 50 us, idle pool - 2 futex wakes",
        Above(_WAKE + "@call_us", _WAKE + "@wake_us", "us", times=2),
        at_most=100),
    # A thread that comes after three tasks finds none: no call can use both
    # more often than a bare wake takes less.
    Row("wake", "4 tasks of 50 us: calls with both threads / bare wakes in time",
        Ratio(_WAKE + "@both_percent", _WAKE + "@bare_in_time_percent"),
        at_least=0.95),

    # The main thread's own sleep and wake-up, and nothing else.
    Row("idle", "CPU time of an idle pool in 5 s",
        Value("joblib:BM_IdlePool/iterations:1/real_time@cpu_us", "us"),
        at_most=200),
]

for _steps in ("ascending", "heavy_tail", "ascending_heavy_tail"):
    ROWS.append(
        Row("balance", "work %s: speed / best of oneTBB, OpenMP"
            % _steps.replace("_", " "),
            Speed("joblib:BM_Balance/%s/real_time" % _steps,
                  "oneTBB:BM_BalanceParallelFor/%s/real_time" % _steps,
                  "OpenMP:BM_BalanceDynamic/%s/real_time" % _steps),
            at_least=0.95))

ROWS.append(
    Row("late_tasks", "4000 instant tasks, then 20 of 0.5 s: worst of 20",
        Value("joblib:BM_BalanceLateLongTasks/threading/iterations:1/real_time",
              "s", scale=1e9),
        at_most=5.1, worst=True))

for _window, _microseconds in ((0, 4), (64, 2), (1024, 0.4)):
    for _order in ("ordered", "unordered"):
        ROWS.append(
            Row("generator", "generator, %s, %s"
                % ("window %d" % _window if _window else "default window",
                   _order),
                Value("joblib:BM_Generator/%s/window:%d/real_time"
                      % (_order, _window), "us", scale=1000),
                at_most=_microseconds))

ROWS += [
    Row("forest", "digits_forest, one job",
        Value(_ONE_JOB, "s", scale=1e9), at_least=3),
    Row("forest", "digits_forest, two jobs: speed / one job",
        Speed(_TWO_JOBS, _ONE_JOB), at_least=1.85),
    Row("forest", "digits_forest, two jobs: speed / two std::threads",
        Speed(_TWO_JOBS,
              "plain:BM_ForestThreads/iterations:1/real_time"),
        at_least=0.97),

    Row("memory", "list of 20M tasks: peak - results",
        Value("joblib:BM_MemoryList/iterations:1/real_time@over_kib",
              "MiB", scale=1024), at_most=2),
    Row("memory", "endless generator: growth over 10M results",
        Value("joblib:BM_MemoryEndlessGenerator/iterations:1/real_time"
              "@growth_kib", "MiB", scale=1024), at_most=1),
]

ROWS += process_rows.ROWS + array_rows.ROWS + cluster_rows.ROWS
