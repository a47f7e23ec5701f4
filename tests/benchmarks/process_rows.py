"""The rows of tools/bench for worker processes: see rows.py."""

from row_kinds import Group, Program, Ratio, Row, Speed, Value

_PLAIN = "//tests/benchmarks:process_plain_benchmarks"

PROGRAMS = {
    "start": Program("//tests/benchmarks:start_benchmarks"),
    "start_50MB": Program("//tests/benchmarks:large_start_benchmarks"),
    "pipes": Program(_PLAIN),
    "rings": Program(_PLAIN),
    "shm": Program(_PLAIN),
    "bare": Program(_PLAIN),
    # More processes than cores: without --oversubscribe it refuses.
    "OpenMPI": Program(
        "//tests/benchmarks:mpi_benchmarks",
        probe="mpirun --version && mpicc --version",
        launcher=["mpirun", "-n", "3", "--allow-run-as-root", "--oversubscribe"],
    ),
    "python": Program(script="python_loky.py"),
}

GROUPS = {
    "process_dispatch": Group(),
    "process_auto": Group(),
    "process_first_call": Group(rounds=5, patience=200),
    "process_wake": Group(),
    "process_idle": Group(rounds=5, patience=150),
    "process_late_tasks": Group(rounds=20, patience=400),
    "process_copy": Group(rounds=5),
    "process_crash": Group(rounds=5),
    "process_work": Group(),
    "process_forest": Group(rounds=5, patience=240),
    "process_callers": Group(),
}

_ONE_BY_ONE = "joblib:BM_ProcessOneByOne/real_time"
_AUTO = "joblib:BM_ProcessAuto/real_time"
_FIRST = "start:BM_ProcessFirstCall/iterations:7/real_time"
_WAKE = "joblib:BM_ProcessWake/iterations:200/real_time"
_CRASH = ":BM_ProcessCrash/iterations:30/real_time@"
_WORK = "joblib:BM_ProcessWork/batch_size:%d/real_time"
_ONE_JOB = "joblib:BM_Forest/n_jobs:1/iterations:1/real_time"
_FOREST = "joblib:BM_ProcessForest/%s/iterations:1/real_time"
_CALLERS = "joblib:BM_ProcessCallers/callers:%d/iterations:1/real_time"

ROWS = [
    Row("process_dispatch",
        "loky, batch_size=1, default window / Open MPI, 4 in flight",
        Ratio(_ONE_BY_ONE, "OpenMPI:BM_DispatchMpi/in_flight:4/real_time"),
        at_most=1.5,
        beside=["rings:BM_DispatchRings/in_flight:4/real_time",
                "pipes:BM_DispatchPipes/real_time",
                "python:BM_LokyOneByOne"]),

    Row("process_auto", "loky, 1M trivial tasks / raw rings, 256 in flight",
        Ratio(_AUTO, "rings:BM_DispatchRings/in_flight:256/real_time"),
        at_most=3),
    Row("process_auto", "loky, 1M trivial tasks: speed / Python's",
        Speed(_AUTO, "python:BM_LokyAuto"), at_least=15),

    Row("process_first_call", "loky, first call / posix_spawn of itself",
        Ratio(_FIRST + "@call_us", _FIRST + "@spawn_us"), at_most=2,
        beside=[_FIRST + "@fork_us"]),
    Row("process_first_call", "loky, first call: speed / Python's",
        Speed(_FIRST + "@call_us", "python:BM_LokyFirstCall@us"),
        at_least=100),
    Row("process_first_call", "loky, first call, 1 GiB resident / without",
        Ratio(_FIRST + "@call_gib_us", _FIRST + "@call_us"), at_most=1.1,
        beside=[_FIRST + "@spawn_gib_us", _FIRST + "@fork_gib_us"]),

    Row("process_wake", "loky, 2 tasks after 5 ms idle / 2 raw futex wakes",
        Ratio(_WAKE + "@call_us", _WAKE + "@wake_us"), at_most=2),
    Row("process_wake", "loky, 2 tasks after 5 ms idle: speed / Python's",
        Speed(_WAKE + "@call_us", "python:BM_LokyWake@us"), at_least=80),

    # The main thread's own sleep and wake-up, and nothing else.
    Row("process_idle", "loky, CPU time of the idle pool in 5 s",
        Value("joblib:BM_ProcessIdle/iterations:1/real_time@cpu_us", "us"),
        at_most=200),

    Row("process_late_tasks",
        "loky, 4000 instant tasks, then 20 of 0.5 s: worst of 20",
        Value("joblib:BM_BalanceLateLongTasks/loky/iterations:1/real_time",
              "s", scale=1e9),
        at_most=5.1, worst=True),

    Row("process_copy", "loky, 100 kB there and back / raw double copies",
        Ratio("joblib:BM_ProcessCopy/iterations:1/manual_time",
              "shm:BM_CopyRaw/iterations:1/manual_time"), at_most=1.5),

    Row("process_crash", "loky, a crash noticed and the worker replaced",
        Value("start" + _CRASH + "crash_us", "ms", scale=1000), at_most=5),
    Row("process_crash", "the same in a program of 50 MB",
        Value("start_50MB" + _CRASH + "crash_us", "ms", scale=1000),
        at_most=5),
]

for _batch_size, _percent in ((0, 94), (1, 75)):
    _what = "loky, 20,000 tasks of 30 us, batch_size=%s" % (_batch_size or "auto")
    ROWS += [
        Row("process_work", _what + ": speed / two bare processes",
            Speed(_WORK % _batch_size, "bare:BM_WorkBareProcesses/real_time"),
            at_least=_percent / 100),
        Row("process_work", _what + ": share of the less busy worker",
            Value(_WORK % _batch_size + "@share_percent", "%"), at_least=40),
    ]

for _backend, _times in (("loky", 1.8), ("multiprocessing", 1.75)):
    ROWS.append(
        Row("process_forest",
            "digits_forest, two jobs of %s: speed / one job" % _backend,
            Speed(_FOREST % _backend, _ONE_JOB), at_least=_times))

ROWS.append(
    Row("process_callers", "loky, 8 threads call at once / one makes all calls",
        Ratio(_CALLERS % 8, _CALLERS % 1), at_most=2))
