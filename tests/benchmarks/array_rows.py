"""The rows of tools/bench for large arrays: see rows.py."""

from row_kinds import Group, Program, Ratio, Row, Speed, Value

PROGRAMS = {
    "memfd": Program("//tests/benchmarks:process_plain_benchmarks"),
    "numpy": Program(script="python_arrays.py"),
}

GROUPS = {
    "array_sum": Group(rounds=5, patience=240),
    "array_pss": Group(rounds=5),
    "array_results": Group(rounds=5),
    "shared_values": Group(rounds=5),
}

_SUM = "joblib:BM_ArraySum/%s/iterations:1/manual_time"
_PSS = "joblib:BM_ArrayPss/%s/iterations:1/real_time@over_mib"
_RAW = "memfd:BM_Raw%s/iterations:1/manual_time"
_RESULTS = "joblib:BM_ArrayResults/iterations:1/real_time"
_SHARED = "joblib:BM_SharedValues/iterations:1/manual_time"

ROWS = [
    Row("array_sum", "512 MiB Array, 4 tasks sum it / raw write + map + sum",
        Ratio(_SUM % "plain", _RAW % "WriteMapSum"), at_most=1.15,
        beside=["numpy:BM_NumpySumPlain"]),
]

for _kind, _what in (("memmap", "a memmap"), ("shared", "born shared")):
    ROWS.append(
        Row("array_sum", "the same, %s / raw map + sum" % _what,
            Ratio(_SUM % _kind, _RAW % "MapSum"), at_most=1.1,
            beside=["numpy:BM_NumpySumMemmap"]))

for _kind, _what, _copies in (("plain", "plain", 1), ("memmap", "a memmap", 0),
                              ("shared", "born shared", 0)):
    ROWS.append(
        Row("array_pss", "peak PSS of all processes - the array, %s" % _what,
            Value(_PSS % _kind, "MiB"), at_most=_copies * 512 + 20,
            beside=["numpy:BM_NumpyPss@over_mib"]))

ROWS += [
    Row("array_results", "8 results of 64 MiB / raw memfd filled in place",
        Ratio(_RESULTS + "@first_us", _RAW % "Results" + "@us"), at_most=1.2),
    Row("array_results", "8 results of 64 MiB: speed / Python's",
        Speed(_RESULTS + "@first_us", "numpy:BM_NumpyResults@us"), at_least=8),
    Row("array_results", "8 results of 64 MiB, second call: speed / the first",
        Speed(_RESULTS + "@second_us", _RESULTS + "@first_us"), at_least=2),

    Row("shared_values", "1000 tasks, 200 MB and a map: bytes of a request",
        Value(_SHARED + "@request_bytes", "bytes"), at_most=1000),
    Row("shared_values", "1000 tasks, 200 MB and a map: reads in a worker",
        Value(_SHARED + "@reads", "x"), at_most=1, worst=True),
    Row("shared_values", "1000 tasks, 200 MB and a map: speed / Python's",
        Speed(_SHARED, "numpy:BM_NumpySharedValues"), at_least=10),
]
