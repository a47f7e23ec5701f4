"""The rows of tools/bench for clusters: see rows.py."""

from row_kinds import Above, Group, Program, Ratio, Row, Speed, Value

PROGRAMS = {
    "cluster": Program(
        "//tests/benchmarks:cluster_program", driver="clusters.py"
    ),
}

# A round starts a cluster.
GROUPS = {
    "dask": Group(rounds=5, patience=600),
    "ray": Group(rounds=5, patience=600),
}

ROWS = []

for _group, _engine in (("dask", "Dask"), ("ray", "Ray")):
    _at = "cluster:BM_%s@" % _engine
    ROWS += [
        Row(_group, "%s, batch_size=1 / its own submit and gather" % _engine,
            Ratio(_at + "ours_one_us", _at + "raw_one_us"), at_most=1.2),
        Row(_group, "%s, batch_size=1: speed / Python's joblib" % _engine,
            Speed(_at + "ours_one_us", _at + "joblib_one_us"), at_least=1),
        Row(_group, "%s, 20,000 trivial tasks: speed / Python's joblib" % _engine,
            Speed(_at + "ours_auto_us", _at + "joblib_auto_us"), at_least=5),
        Row(_group, "%s, 200,000 tasks in batches of 1,000, a task" % _engine,
            Value(_at + "ours_thousands_us", "us"), at_most=5),
        Row(_group,
            "%s, 64 MiB Shared, 2,000 tasks / its own store" % _engine,
            Ratio(_at + "ours_shared_us", _at + "raw_shared_us"), at_most=1.1),
        Row(_group, "%s, first call done - a client of Python connected" % _engine,
            Above(_at + "ours_ready_s", _at + "raw_connect_s", "s"), at_most=1),
    ]
