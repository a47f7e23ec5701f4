#!/usr/bin/env python3
"""Conformance tables for a re-implementation of joblib's parallel layer.

Runs declarative scenarios against the installed joblib and writes what was
observed as JSON tables, one file per topic; case.h tells what a case is made
of.  regenerate.sh brings joblib itself.

    python generate.py --out DIR [--topic NAME ...]

Every case runs in a process of its own, with an environment that holds only
what the case says (plus PATH, HOME, LANG, PYTHONPATH).  Nothing time- or
machine-dependent is kept: durations, addresses, pids and temporary folder
names are replaced by <T>, <ADDR>, <PID>, <...>.
"""

import argparse
import concurrent.futures
import contextlib
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE_VAR = "CONFORMANCE_MACHINE"
MACHINE8 = {"os_cpu_count": 8, "affinity": 8}
FORK_TOPICS = {"resolve", "effective_n_jobs", "config_params", "cpu_count", "functions"}

# --------------------------------------------------------------------------
# A pretended machine (number of CPUs, affinity, cgroup files, physical cores)
# --------------------------------------------------------------------------


def pretend_machine(machine):
    cpus = machine.get("os_cpu_count", 8)
    affinity = machine.get("affinity", cpus)
    os.cpu_count = lambda: cpus
    os.sched_getaffinity = lambda pid: set(range(affinity))
    files = {}
    if "cgroup_v2" in machine:
        files["/sys/fs/cgroup/cpu.max"] = machine["cgroup_v2"] + "\n"
    if "cgroup_v1" in machine:
        quota, period = machine["cgroup_v1"]
        files["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = f"{quota}\n"
        files["/sys/fs/cgroup/cpu/cpu.cfs_period_us"] = f"{period}\n"
    known = {
        "/sys/fs/cgroup/cpu.max",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us",
    }
    real_exists = os.path.exists
    os.path.exists = lambda p: (p in files) if p in known else real_exists(p)
    try:
        from joblib.externals.loky.backend import context
    except ImportError:
        return
    context.open = lambda p, *a, **k: (
        io.StringIO(files[p]) if p in files else open(p, *a, **k)
    )
    if "physical_cores" in machine:
        n = machine["physical_cores"]

        class FakeSubprocess:
            @staticmethod
            def run(*a, **k):
                if n == "error":
                    raise OSError("no lscpu")
                lines = ["# comment"] + [str(i) for i in range(n)] * 2
                return subprocess.CompletedProcess(a, 0, "\n".join(lines), "")

        context.subprocess = FakeSubprocess


if os.environ.get(MACHINE_VAR):
    pretend_machine(json.loads(os.environ[MACHINE_VAR]))


# --------------------------------------------------------------------------
# Small helpers used inside the observed processes
# --------------------------------------------------------------------------

_ADDR = re.compile(r"0x[0-9a-f]{6,}")
_TIME = re.compile(r" *\d+\.\d(s|min)")


def scrub(text):
    return _ADDR.sub("<ADDR>", text)


def describe_error(e):
    out = {"type": type(e).__name__, "message": scrub(str(e))}
    bases = [c.__name__ for c in type(e).__mro__ if c not in (object, BaseException)]
    out["is_a"] = bases[1:]
    return out


class Warnings:
    """Record warnings, per thread; all threads' ones with any_thread=True."""

    mine = threading.local()
    everything = []

    @classmethod
    def pending(cls):
        if not hasattr(cls.mine, "log") or cls.mine.pid != os.getpid():
            cls.mine.log, cls.mine.pid = [], os.getpid()
        return cls.mine.log

    @classmethod
    def install(cls):
        warnings.simplefilter("always")

        def show(message, category, *a, **k):
            if issubclass(category, (ResourceWarning,)):
                return
            rec = {"category": category.__name__, "message": scrub(str(message))}
            cls.pending().append(rec)
            cls.everything.append(rec)

        warnings.showwarning = show

    @classmethod
    def take(cls, any_thread=False):
        out = list(cls.everything if any_thread else cls.pending())
        cls.everything.clear()
        cls.pending().clear()
        return out


def custom_classes():
    from joblib.parallel import ParallelBackendBase, ThreadingBackend

    class PlainBackend(ParallelBackendBase):
        """n_jobs=None counts 1, a negative value counts 5, else n_jobs."""

        default_n_jobs = 4

        def __init__(self, param=None, **kw):
            super().__init__(**kw)
            self.param = param

        def effective_n_jobs(self, n_jobs):
            return 1 if n_jobs is None else 5 if n_jobs < 0 else n_jobs

        def submit(self, func, callback=None):
            raise NotImplementedError

    class SharedMemBackend(PlainBackend):
        supports_sharedmem = True

    class ThreadLikeBackend(ThreadingBackend):
        pass

    class InnerThreadsBackend(PlainBackend):
        supports_inner_max_num_threads = True

    return {c.__name__: c for c in (PlainBackend, SharedMemBackend,
                                    ThreadLikeBackend, InnerThreadsBackend)}


def decode(options):
    """JSON options -> Python keyword arguments."""
    out = {}
    for key, value in options.items():
        if isinstance(value, dict) and "$instance" in value:
            import joblib._parallel_backends as b

            name = value["$instance"]
            cls = custom_classes().get(name) or getattr(b, name)
            value = cls(**value.get("args", {}))
        elif isinstance(value, dict) and "$mp_context" in value:
            import multiprocessing

            value = multiprocessing.get_context(value["$mp_context"])
        out[key] = value
    return out


def make_scope(scope):
    import joblib

    options = dict(scope["options"])
    options.update(options.pop("backend_params", {}))
    if scope.get("kind", "parallel_config") == "parallel_backend":
        return joblib.parallel_backend(**decode(options))
    return joblib.parallel_config(**decode(options))


def backend_name(b):
    return type(b).__name__


def look_at_parallel(options):
    """Build a Parallel in the current scopes and describe it, then start it."""
    import joblib

    obs = {}
    buf = io.StringIO()
    with contextlib.redirect_stdout(buf):
        try:
            p = joblib.Parallel(**decode(options))
        except BaseException as e:
            obs["error"] = dict(describe_error(e), stage="Parallel")
            p = None
        if p is not None:
            kw = p._backend_kwargs
            obs["parallel"] = {
                "backend": backend_name(p._backend),
                "n_jobs": p.n_jobs,
                "nesting_level": p._backend.nesting_level,
                "inner_max_num_threads": getattr(
                    p._backend, "inner_max_num_threads", None),
                "verbose": p.verbose,
                "temp_folder": kw["temp_folder"],
                "max_nbytes": kw["max_nbytes"],
                "mmap_mode": kw["mmap_mode"],
                "prefer": kw["prefer"],
                "require": kw["require"],
                "backend_verbose": kw["verbose"],
                "timeout": p.timeout,
                "pre_dispatch": p.pre_dispatch,
                "batch_size": p.batch_size,
                "return_as": p.return_as,
                "extra": {
                    k: v for k, v in kw.items()
                    if k not in ("temp_folder", "max_nbytes", "mmap_mode", "prefer",
                                 "require", "verbose", "context")
                },
                "backend_params": getattr(p._backend, "backend_kwargs", None),
            }
            try:
                obs["effective_n_jobs"] = p._effective_n_jobs()
            except BaseException as e:
                obs["effective_n_jobs"] = {"error": describe_error(e)}
            # the number of worker processes is bounded: a pool is forked here
            if backend_name(p._backend) == "MultiprocessingBackend" and p.n_jobs > 10:
                obs["started"] = "not tried"
            else:
                try:
                    with p:
                        obs["started"] = {
                            "backend": backend_name(p._backend),
                            "n_jobs": p._effective_n_jobs(),
                        }
                except BaseException as e:
                    obs["started"] = {"error": describe_error(e)}
        try:
            obs["effective_n_jobs_of_none"] = joblib.effective_n_jobs(None)
        except BaseException as e:
            obs["effective_n_jobs_of_none"] = {"error": describe_error(e)}
    obs["stdout"] = scrub(buf.getvalue())
    obs["warnings"] = Warnings.take()
    return obs


def play_events(events, live, seen):
    import joblib

    for i, ev in enumerate(events):
        do = ev["do"]
        if do == "register":
            joblib.register_parallel_backend(
                ev["name"], custom_classes()[ev["class"]], ev.get("make_default", False)
            )
        elif do == "hide_module":
            sys.modules[ev["name"]] = None
        elif do == "enter":
            try:
                cm = make_scope(ev)
                cm.__enter__()
                live[ev["scope"]] = cm
            except BaseException as e:
                seen["error"] = dict(describe_error(e), stage=f"enter:{ev['scope']}",
                                     warnings=Warnings.take())
                return False
        elif do == "exit":
            live[ev["scope"]].__exit__(None, None, None)
        elif do == "unregister":
            live[ev["scope"]].unregister()
        elif do == "observe":
            seen[ev["label"]] = look_at_parallel(ev.get("parallel", {}))
        elif do == "thread":
            t = threading.Thread(target=play_events, args=(ev["events"], live, seen))
            t.start()
            t.join()
        else:
            raise AssertionError(do)
    return True


# --------------------------------------------------------------------------
# Topic runners: scenario -> expectation
# --------------------------------------------------------------------------


def run_resolve(scenario):
    Warnings.install()
    if "events" in scenario:
        seen = {}
        play_events(scenario["events"], {}, seen)
        return {"observations": seen}
    stack = []
    try:
        for i, scope in enumerate(scenario.get("scopes", [])):
            try:
                cm = make_scope(scope)
            except BaseException as e:
                return {"error": dict(describe_error(e), stage=f"scope[{i}]"),
                        "warnings": Warnings.take()}
            cm.__enter__()
            stack.append(cm)
        return look_at_parallel(scenario.get("parallel", {}))
    finally:
        for cm in reversed(stack):
            cm.__exit__(None, None, None)


run_config_params = run_resolve


def run_effective_n_jobs(scenario):
    import joblib

    Warnings.install()
    out = {}

    def body():
        with contextlib.ExitStack() as es:
            for scope in scenario.get("scopes", []):
                es.enter_context(make_scope(scope))
            for label, value in scenario["n_jobs"].items():
                try:
                    if label == "unset":
                        r = joblib.effective_n_jobs()
                    else:
                        r = joblib.effective_n_jobs(value)
                    out[label] = {"value": r}
                except BaseException as e:
                    out[label] = {"error": describe_error(e)}
                w = Warnings.take()
                if w:
                    out[label]["warnings"] = w

    if scenario.get("in_thread"):
        t = threading.Thread(target=body)
        t.start()
        t.join()
    else:
        body()
    return out


def run_cpu_count(scenario):
    if "set_affinity" in scenario:
        os.sched_setaffinity(0, set(scenario["set_affinity"]))
    Warnings.install()
    import joblib

    out = {}
    stderr = io.StringIO()
    for label, flag in (("logical", False), ("physical", True)):
        if label not in scenario.get("ask", ["logical", "physical"]):
            continue
        try:
            with contextlib.redirect_stderr(stderr):
                out[label] = joblib.cpu_count(only_physical_cores=flag)
        except BaseException as e:
            out[label] = {"error": describe_error(e)}
    w = Warnings.take()
    if w:
        out["warnings"] = w
    return out


# ---- nesting --------------------------------------------------------------


def _ident():
    return [os.getpid(), threading.get_ident()]


def nest_task(levels, parent):
    from joblib.parallel import get_active_backend

    here = _ident()
    where = ("same thread" if here == parent else
             "other thread" if here[0] == parent[0] else "other process")
    Warnings.install()
    backend, n_jobs = get_active_backend()
    rec = {"runs_in": where, "active_backend": backend_name(backend),
           "active_nesting_level": backend.nesting_level,
           "active_n_jobs": n_jobs}
    if levels:
        rec["call"] = nest_call(levels)
    return rec


def nest_call(levels):
    import joblib

    outer = Warnings.take()
    level = levels[0]
    rec = {}
    with contextlib.ExitStack() as es:
        for scope in level.get("scopes", []):
            es.enter_context(make_scope(scope))
        p = joblib.Parallel(**decode(level.get("parallel", {})))
        rec["backend"] = backend_name(p._backend)
        rec["n_jobs"] = p.n_jobs
        tasks = p(joblib.delayed(nest_task)(levels[1:], _ident())
                  for _ in range(level.get("n_tasks", 2)))
        rec["used_backend"] = backend_name(p._backend)
        rec["used_n_jobs"] = getattr(p, "_cached_effective_n_jobs", 1)
    rec["warnings"] = Warnings.take()
    Warnings.pending().extend(outer)
    different = []
    for t in tasks:
        if t not in different:
            different.append(t)
    rec["tasks"] = different[0] if len(different) == 1 else different
    return rec


def run_nesting(scenario):
    Warnings.install()
    out = {}

    def body():
        try:
            out.update(nest_call(scenario["levels"]))
        except BaseException as e:
            out["error"] = describe_error(e)

    if scenario.get("in_thread"):
        t = threading.Thread(target=body)
        t.start()
        t.join()
    else:
        body()
    return out


# ---- tasks ----------------------------------------------------------------


class CustomError(Exception):
    """Plain exception class of the caller's module."""


class TwoArgsError(Exception):
    """Its constructor wants two arguments: pickle cannot rebuild it."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


ERROR_TYPES = {
    "ValueError": ValueError, "KeyError": KeyError, "RuntimeError": RuntimeError,
    "CustomError": CustomError, "TwoArgsError": TwoArgsError,
    "KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit,
    "StopIteration": StopIteration, "ZeroDivisionError": ZeroDivisionError,
    "OSError": OSError,
}


class PickleBomb:
    """Pickles, but raises when it is rebuilt."""

    def __reduce__(self):
        return _explode, ()


def _explode():
    raise RuntimeError("cannot be rebuilt")


def do_task(spec, *extra):
    op = spec["op"]
    if op == "return":
        return spec["value"]
    if op == "sleep":
        time.sleep(spec["seconds"])
        return spec.get("value")
    if op == "raise":
        raise ERROR_TYPES[spec["type"]](*spec.get("args", []))
    if op == "signal":
        if spec.get("first_only_after"):
            time.sleep(spec["first_only_after"])
        os.kill(os.getpid(), spec["signal"])
        time.sleep(30)
    if op == "_exit":
        os._exit(spec["code"])
    if op == "exit":
        sys.exit(spec["code"])
    if op == "return_unpicklable":
        return threading.Lock()
    if op == "return_bomb":
        return PickleBomb()
    if op == "take":
        return "taken"
    if op == "pid":
        time.sleep(spec.get("seconds", 0))
        return os.getpid()
    raise AssertionError(op)


def task_call(spec):
    """(args) handed to delayed(do_task) for a task description."""
    if spec["op"] == "take" and spec.get("arg") == "unpicklable":
        return (spec, threading.Lock())
    if spec["op"] == "take" and spec.get("arg") == "bomb":
        return (spec, PickleBomb())
    if spec["op"] == "take" and spec.get("arg") == "lambda":
        return (spec, lambda: 1)
    return (spec,)


def run_errors(scenario):
    import joblib

    Warnings.install()
    out = {}
    t0 = time.time()
    try:
        p = joblib.Parallel(**decode(scenario["parallel"]))
        got = p(joblib.delayed(do_task)(*task_call(t)) for t in scenario["tasks"])
        if p.return_generator:
            got = list(got)
        out["results"] = got
    except BaseException as e:
        out["error"] = describe_error(e)
        out["error"]["args"] = [a if isinstance(a, int) else scrub(
            a if isinstance(a, str) else repr(a)) for a in e.args]
        if out["error"]["args"] == [out["error"]["message"]]:
            out["error"]["args"] = ["<message>"]
        c = e.__cause__
        out["error"]["cause"] = type(c).__name__ if c is not None else None
    if scenario.get("quick_within"):
        out["returned_early"] = (time.time() - t0) < scenario["quick_within"]
    out["warnings"] = Warnings.take()
    if scenario.get("then"):
        try:
            again = decode(scenario["parallel"])
            again.pop("timeout", None)
            q = p if scenario["then"] == "same object" else joblib.Parallel(**again)
            got = list(q(joblib.delayed(do_task)({"op": "return", "value": i})
                         for i in range(3)))
            if not p.return_ordered:
                got.sort()
            out["then"] = {"results": got}
        except BaseException as e:
            out["then"] = {"error": describe_error(e)}
    return out


# ---- verbose --------------------------------------------------------------


def run_verbose(scenario):
    import joblib

    Warnings.install()
    so, se = io.StringIO(), io.StringIO()
    specs = scenario.get("tasks") or [
        {"op": "sleep", "seconds": scenario.get("task_seconds", 0)}
    ] * scenario["n_tasks"]
    calls = (joblib.delayed(do_task)(*task_call(t)) for t in specs)
    if scenario.get("input", "generator") == "list":
        calls = list(calls)
    err = None
    saved = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = so, se
    try:
        joblib.Parallel(**decode(scenario["parallel"]))(calls)
    except BaseException as e:
        err = describe_error(e)
    finally:
        sys.stdout, sys.stderr = saved

    def lines(buf):
        return [_TIME.sub(" <T>", ln) for ln in buf.getvalue().splitlines()]

    o, e = lines(so), lines(se)
    used = "stdout" if o else "stderr" if e else None
    both = o + e
    out = {"stream": used, "both_streams": bool(o and e)}
    if scenario["keep"] == "all":
        out["lines"] = both
    else:
        out["first_line"] = both[0] if both else None
        out["last_line"] = both[-1] if both else None
    if err:
        out["error"] = err
    return out


# ---- dispatch -------------------------------------------------------------


def gated(i, gate):
    t0 = time.time()
    while not os.path.exists(gate) and time.time() - t0 < 20:
        time.sleep(0.01)
    return i


def raise_at(n, k, counter):
    import joblib

    for i in range(n):
        if i == k:
            raise ValueError("input failed at %d" % k)
        counter.append(i)
        yield joblib.delayed(do_task)({"op": "return", "value": i})


def run_dispatch(scenario):
    import joblib

    Warnings.install()
    kind = scenario["kind"]
    options = decode(scenario.get("parallel", {}))
    out = {}

    def finish(got):
        if scenario.get("as_set"):
            out["results_sorted"] = sorted(got)
        else:
            out["results"] = got

    try:
        if kind == "consumption":
            # All tasks wait for a gate; how far was the input read before it opened?
            tmp = tempfile.mkdtemp()
            gate = os.path.join(tmp, "gate")
            consumed = []
            with contextlib.ExitStack() as es:
                es.callback(shutil.rmtree, tmp, True)

                def source():
                    for i in range(scenario["n_tasks"]):
                        consumed.append(i)
                        yield joblib.delayed(gated)(i, gate)

                def opener():
                    last, still = -1, 0
                    while still < 4:
                        time.sleep(0.15)
                        still = still + 1 if len(consumed) == last and last else 0
                        last = len(consumed)
                    out["read_before_first_completion"] = len(consumed)
                    open(gate, "w").close()

                t = threading.Thread(target=opener, daemon=True)
                t.start()
                got = list(joblib.Parallel(**options)(source()))
                t.join(5)
                finish(got)
                out["read_in_all"] = len(consumed)
        elif kind == "lazy":
            # n_jobs=1 generator: the input is read as the output is read
            consumed = []

            def source():
                for i in range(scenario["n_tasks"]):
                    consumed.append(i)
                    yield joblib.delayed(do_task)({"op": "return", "value": i})

            g = joblib.Parallel(**options)(source())
            steps = [len(consumed)]
            for _ in range(scenario["take"]):
                next(g)
                steps.append(len(consumed))
            out["read_after_each_step"] = steps
            g.close()
        elif kind == "run":
            specs = scenario.get("tasks") or [
                {"op": "return", "value": i} for i in range(scenario["n_tasks"])]
            p = joblib.Parallel(**options)
            got = p(joblib.delayed(do_task)(*task_call(t)) for t in specs)
            out["result_type"] = type(got).__name__
            finish(list(got))
        elif kind == "input_raises":
            counter = []
            p = joblib.Parallel(**options)
            try:
                got = p(raise_at(scenario["n_tasks"], scenario["at"], counter))
                out["call_returned"] = True
                taken = []
                for x in got:
                    taken.append(x)
            finally:
                if scenario.get("parallel", {}).get("return_as", "list") != "list":
                    out["call_returned"] = out.get("call_returned", False)
        elif kind == "reentrant":
            p = joblib.Parallel(**options)
            first = p(joblib.delayed(do_task)({"op": "sleep", "seconds": 0.3})
                      for _ in range(4))
            try:
                p(joblib.delayed(do_task)({"op": "return", "value": 1})
                  for _ in range(2))
                out["second"] = "accepted"
            except BaseException as e:
                out["second"] = describe_error(e)
            list(first)
            got = p(joblib.delayed(do_task)({"op": "return", "value": 1})
                    for _ in range(2))
            out["after_first_is_read"] = list(got)
        elif kind == "reentrant_thread":
            p = joblib.Parallel(**options)
            res = {}

            def second():
                time.sleep(0.4)
                try:
                    p(joblib.delayed(do_task)({"op": "return", "value": 1})
                      for _ in range(2))
                    res["second"] = "accepted"
                except BaseException as e:
                    res["second"] = describe_error(e)

            t = threading.Thread(target=second)
            t.start()
            p(joblib.delayed(do_task)({"op": "sleep", "seconds": 1.2})
              for _ in range(2))
            t.join()
            out.update(res)
        elif kind == "closed_early":
            p = joblib.Parallel(**options)
            g = p(joblib.delayed(do_task)({"op": "sleep", "seconds": 0.25, "value": i})
                  for i in range(scenario["n_tasks"]))
            for _ in range(scenario["take"]):
                next(g)
            if scenario.get("by", "close") == "close":
                g.close()
            else:
                del g
            # how many were ready is a matter of timing: keep the sure end
            tail = "tasks which were still being processed by the workers have been"
            out["warnings_on_close"] = [
                {"category": x["category"],
                 "message_ends_with": x["message"][x["message"].index(tail):]}
                for x in Warnings.take()]
            got = list(p(joblib.delayed(do_task)({"op": "return", "value": i})
                         for i in (100, 101)))
            out["then_results_include"] = sorted(set(got) & {100, 101})
        elif kind == "closed_when_done":
            p = joblib.Parallel(**options)
            g = p(joblib.delayed(do_task)({"op": "sleep", "value": i,
                                           "seconds": 0.6 if i >= scenario["take"] else 0})
                  for i in range(scenario["n_tasks"]))
            for _ in range(scenario["take"]):
                next(g)
            t0 = time.time()
            while (p.n_completed_tasks < scenario["n_tasks"] and time.time() - t0 < 20
                   and not isinstance(p._backend, joblib.parallel.SequentialBackend)):
                time.sleep(0.05)
            g.close()
            out["warnings_on_close"] = Warnings.take()
        else:
            raise AssertionError(kind)
    except BaseException as e:
        out["error"] = describe_error(e)
    w = Warnings.take()
    if w:
        out["warnings"] = w
    return out


# ---- memmap ---------------------------------------------------------------


def build_array(spec, folder):
    import numpy as np

    kind = spec.get("kind", "plain")
    shape = tuple(spec.get("shape", (10,)))
    dtype = np.dtype(spec.get("dtype", "float64"))
    order = spec.get("order", "C")
    if kind == "object":
        a = np.empty(shape, dtype=object)
        a[...] = 1
        return a
    n = int(np.prod(shape))
    if kind in ("plain", "transposed", "strided", "contiguous_slice"):
        a = np.array(np.arange(n).reshape(shape) % 100, dtype=dtype, order=order)
        base = a
    else:
        path = os.path.join(folder, "user.mmap")
        base = a = np.memmap(path, dtype=dtype, mode="w+", shape=shape, order=order,
                             offset=spec.get("offset", 0))
        a[...] = np.arange(n).reshape(shape) % 100
        a.flush()
        if spec.get("mode", "w+") != "w+":
            base = a = np.memmap(path, dtype=dtype, mode=spec["mode"], shape=shape,
                                 order=order, offset=spec.get("offset", 0))
    if kind == "transposed":
        a = a.T
    elif kind in ("strided", "memmap_strided"):
        a = a[::2]
    elif kind in ("contiguous_slice", "memmap_slice"):
        a = a[len(a) // 2:]
    elif kind == "memmap_asarray":
        a = np.asarray(a)
    a_keep.append(base)
    return a


a_keep = []


def look_at_array(a, write):
    import numpy as np
    from joblib._memmapping_reducer import _get_backing_memmap, has_shareable_memory

    m = _get_backing_memmap(a) if isinstance(a, np.ndarray) else None
    rec = {
        "type": type(a).__name__,
        "shared": bool(has_shareable_memory(a)),
        "mode": getattr(m, "mode", None),
        "offset": getattr(m, "offset", None) if isinstance(m, np.memmap) else None,
        "writeable": bool(a.flags.writeable),
        "c_contiguous": bool(a.flags.c_contiguous),
        "f_contiguous": bool(a.flags.f_contiguous),
        "shape": list(a.shape),
        "dtype": str(a.dtype),
        "sum": None if a.dtype.hasobject else float(a.sum()),
        "file": getattr(m, "filename", None),
        "folder_mode": None,
        "file_mode": None,
    }
    if rec["file"]:
        rec["file"] = str(rec["file"])
        rec["file_mode"] = oct(os.stat(rec["file"]).st_mode & 0o777)
        rec["folder_mode"] = oct(os.stat(os.path.dirname(rec["file"])).st_mode & 0o777)
    if write:
        try:
            a[(0,) * a.ndim] = 77
            rec["write"] = "accepted"
        except BaseException as e:
            rec["write"] = describe_error(e)
    return rec


def return_array(a):
    return a


def classify_folder(path, roots):
    folder = os.path.dirname(path)
    root = os.path.dirname(folder)
    for name, place in roots.items():
        if place and os.path.realpath(root) == os.path.realpath(place):
            root = name
            break
        if place and os.path.realpath(folder) == os.path.realpath(place):
            return {"root": name, "folder": ".", "file": "user file"}
    fpat = re.sub(r"^joblib_memmapping_folder_%d_[0-9a-f]{32}_[0-9a-f]{32}$" % os.getpid(),
                  "joblib_memmapping_folder_<PID>_<HEX32>_<HEX32>",
                  os.path.basename(folder))
    bpat = re.sub(r"^%d-\d+-[0-9a-f]{32}\.pkl$" % os.getpid(), "<PID>-<TID>-<HEX32>.pkl",
                  os.path.basename(path))
    return {"root": root, "folder": fpat, "file": bpat}


def run_memmap(scenario):
    import joblib
    import numpy as np

    Warnings.install()
    tmp = os.environ["CONFORMANCE_TMP"]
    roots = {"<TEMP_FOLDER>": os.path.join(tmp, "param"),
             "<JOBLIB_TEMP_FOLDER>": os.path.join(tmp, "joblib"),
             "<TMPDIR>": os.path.join(tmp, "tmpdir"),
             "<USER>": os.path.join(tmp, "user"),
             "<SHM>": "/dev/shm"}
    for name in ("param", "joblib", "tmpdir", "user"):
        os.makedirs(os.path.join(tmp, name), exist_ok=True)
    options = {k: (v.replace("<TEMP_FOLDER>", roots["<TEMP_FOLDER>"])
                   if isinstance(v, str) else v)
               for k, v in scenario["parallel"].items()}
    if scenario.get("no_shm"):
        import joblib._memmapping_reducer as r

        r.SYSTEM_SHARED_MEM_FS = "/nonexistent"
    if scenario.get("small_shm"):
        import joblib._memmapping_reducer as r

        r.SYSTEM_SHARED_MEM_FS_MIN_SIZE = int(1e18)
    out = {}
    kind = scenario.get("kind", "argument")
    try:
        if kind == "argument":
            a = build_array(scenario["array"], roots["<USER>"])
            before = None if a.dtype.hasobject else a.copy()
            p = joblib.Parallel(**options)
            n = scenario.get("n_tasks", 1)
            if scenario.get("copies") == "distinct":
                arrays = [a] + [a.copy() for _ in range(n - 1)]
            else:
                arrays = [a] * n
            recs = p(joblib.delayed(look_at_array)(x, scenario.get("write", False))
                     for x in arrays)
            files = [r.pop("file") for r in recs]
            out["sees"] = recs[0]
            if recs[0]["shared"] and files[0]:
                out["place"] = classify_folder(files[0], roots)
                out["distinct_files"] = len(set(files))
                out["folder_exists_after_call"] = (
                    os.path.exists(os.path.dirname(files[0]))
                    if out["place"]["file"] != "user file" else None)
            if before is not None:
                out["parent_array_changed"] = not bool(np.array_equal(a, before))
        elif kind == "managed":
            a = build_array(scenario["array"], roots["<USER>"])
            with joblib.Parallel(**options) as p:
                f = []
                for _ in range(scenario["calls"]):
                    f.append(p(joblib.delayed(look_at_array)(a, False)
                               for _ in range(2))[0]["file"])
                out["folder_exists_between_calls"] = os.path.exists(os.path.dirname(f[0]))
                out["file_exists_between_calls"] = os.path.exists(f[0])
                out["same_folder_each_call"] = len({os.path.dirname(x) for x in f}) == 1
                out["same_file_each_call"] = len(set(f)) == 1
            out["folder_exists_after_with"] = os.path.exists(os.path.dirname(f[0]))
        elif kind == "returned":
            a = build_array(scenario["array"], roots["<USER>"])
            got = joblib.Parallel(**options)(
                joblib.delayed(return_array)(a) for _ in range(2))
            from joblib._memmapping_reducer import _get_backing_memmap

            out["returned_type"] = type(got[0]).__name__
            m = _get_backing_memmap(got[0])
            out["returned_is_shared"] = m is not None
            out["returned_mode"] = getattr(m, "mode", None)
            out["returned_writeable"] = bool(got[0].flags.writeable)
            out["equal"] = bool(np.array_equal(got[0], a))
        elif kind == "two_parallels":
            a = build_array(scenario["array"], roots["<USER>"])
            f = []
            for _ in range(2):
                f.append(joblib.Parallel(**options)(
                    joblib.delayed(look_at_array)(a, False) for _ in range(2))[0]["file"])
            out["same_folder"] = os.path.dirname(f[0]) == os.path.dirname(f[1])
            out["same_manager_id"] = (os.path.basename(os.path.dirname(f[0])).split("_")[4]
                                      == os.path.basename(os.path.dirname(f[1])).split("_")[4])
            out["folders_exist_after"] = any(os.path.exists(os.path.dirname(x)) for x in f)
        elif kind in ("exit", "sigkill", "raise"):
            code = (
                "import generate, sys\n"
                "generate.memmap_child(%r, %r)\n" % (kind, json.dumps(options)))
            child = subprocess.Popen([sys.executable, "-c", code],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                     text=True)
            folder = child.stdout.readline().strip()
            out["folder_existed"] = os.path.isdir(folder)
            if kind == "sigkill":
                child.kill()
            child.wait()
            t0 = time.time()
            while os.path.exists(folder) and time.time() - t0 < scenario["within_seconds"]:
                time.sleep(0.05)
            out["folder_gone_in_time"] = not os.path.exists(folder)
            out["exit_code"] = child.returncode
    except BaseException as e:
        out["error"] = describe_error(e)
    w = Warnings.take()
    if w:
        out["warnings"] = w
    return out


def memmap_child(kind, options):
    """A program that dumps an array, then ends in the way `kind` says."""
    import joblib
    import numpy as np

    p = joblib.Parallel(**json.loads(options))
    p.__enter__()
    a = np.zeros(200_000)
    f = p(joblib.delayed(look_at_array)(a, False) for _ in range(2))[0]["file"]
    print(os.path.dirname(f), flush=True)
    if kind == "sigkill":
        time.sleep(30)
    if kind == "raise":
        time.sleep(0.3)
        raise RuntimeError("ends with an exception")
    time.sleep(0.3)


# ---- workers_env ----------------------------------------------------------

ENV_NAMES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
             "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
             "NUMEXPR_NUM_THREADS", "ENABLE_IPC"]


def read_env(names):
    return {n: os.environ.get(n) for n in names}


def run_workers_env(scenario):
    import joblib

    Warnings.install()
    try:
        with contextlib.ExitStack() as es:
            for scope in scenario.get("scopes", []):
                es.enter_context(make_scope(scope))
            got = joblib.Parallel(**decode(scenario["parallel"]))(
                joblib.delayed(read_env)(ENV_NAMES) for _ in range(2))
        assert got[0] == got[1]
        return {"env_in_task": got[0], "env_in_parent_after": read_env(ENV_NAMES)}
    except BaseException as e:
        return {"error": describe_error(e)}


# ---- lifecycle ------------------------------------------------------------


def run_lifecycle(scenario):
    import joblib
    from joblib.externals.loky import reusable_executor as rx

    Warnings.install()
    steps, prev_pids, prev_id = [], set(), None
    for st in scenario["steps"]:
        rec = {}
        if "wait" in st:
            time.sleep(st["wait"])
            ex = rx._executor
            rec["alive_workers"] = 0 if ex is None else len(ex._processes)
            steps.append(rec)
            continue
        try:
            with contextlib.ExitStack() as es:
                for scope in st.get("scopes", []):
                    es.enter_context(make_scope(scope))
                p = joblib.Parallel(**decode(st["parallel"]))
                got = p(joblib.delayed(do_task)(*task_call(t)) for t in st.get(
                    "tasks", [{"op": "return", "value": 1}] * 4))
                rec["results"] = len(list(got))
        except BaseException as e:
            rec["error"] = type(e).__name__
        ex = rx._executor
        if ex is None:
            rec["executor"] = None
        else:
            pids = set(ex._processes)
            rec["workers"] = len(pids)
            rec["executor"] = ("first" if prev_id is None else
                               "same" if prev_id == ex.executor_id else "new")
            rec["workers_kept"] = len(pids & prev_pids)
            prev_pids, prev_id = pids, ex.executor_id
        w = Warnings.take(any_thread=True)
        if w:
            rec["warnings"] = w
        steps.append(rec)
    return {"steps": steps}


# ---- functions ------------------------------------------------------------


def run_functions(scenario):
    """The small computations inside joblib, one by one."""
    import joblib
    from joblib import _parallel_backends, _utils, disk, logger, parallel

    kind = scenario["kind"]

    def attempt(f, *a):
        try:
            return {"value": f(*a)}
        except Exception as e:
            return {"error": describe_error(e)}

    if kind == "pre_dispatch":
        n = scenario["n_jobs"]
        return {e: attempt(lambda x: int(_utils.eval_expr(x)), e.replace("n_jobs", str(n)))
                for e in scenario["expressions"]}
    if kind == "memory_size":
        return {t: attempt(disk.memstr_to_bytes, t) for t in scenario["texts"]}
    if kind == "time":
        return {json.dumps(t): logger.short_format_time(t) for t in scenario["seconds"]}
    if kind == "verbosity":
        v = scenario["verbose"]
        return {"printed": [i for i in range(scenario["up_to"])
                            if not parallel._verbosity_filter(i, v)]}
    if kind == "auto_batch":
        class Probe(_parallel_backends.AutoBatchingMixin,
                    _parallel_backends.ParallelBackendBase):
            def effective_n_jobs(self, n_jobs):
                return 2

            def submit(self, func, callback=None):
                pass

        said = []

        class Owner:
            verbose = 10
            _print = staticmethod(said.append)

        b = Probe()
        b.parallel = Owner()
        if "max_ideal" in scenario:
            b.MAX_IDEAL_BATCH_DURATION = scenario["max_ideal"]
        sizes = []
        for step in scenario["steps"]:
            if step == "next":
                sizes.append(b.compute_batch_size())
            elif step == "reset":
                b.reset_batch_stats()
            else:
                size, seconds = step
                b.batch_completed(b._effective_batch_size if size == "current" else size,
                                  seconds)
        return {"sizes": sizes, "messages": said}
    if kind == "slicing":
        sent = []

        class Recorder(_parallel_backends.ThreadingBackend):
            def submit(self, func, callback=None):
                sent.append(len(func))
                return super().submit(func, callback)

        options = dict(scenario["parallel"], backend=Recorder())
        calls = (joblib.delayed(do_task)({"op": "sleep", "seconds": 0.05, "value": i})
                 for i in range(scenario["n_tasks"]))
        got = joblib.Parallel(**options)(calls)
        assert got == list(range(scenario["n_tasks"]))
        return {"batches": sent}
    raise AssertionError(kind)


# --------------------------------------------------------------------------
# Case tables
# --------------------------------------------------------------------------

UNSET = object()


def opts(**kw):
    return {k: v for k, v in kw.items() if v is not UNSET}


def label(v):
    return "unset" if v is UNSET else "None" if v is None else (
        v if isinstance(v, str) else json.dumps(v))


def case(cid, scenario, env=None, machine=None):
    c = {"id": cid, "env": env or {}}
    if machine:
        c["machine"] = machine
    c["scenario"] = scenario
    return c


def defect(c, note, documented):
    """Marks a case where joblib 1.6.0 departs from what it documents."""
    c["defect"] = note
    c["documented"] = documented
    return c


def cfg(**kw):
    return {"kind": "parallel_config", "options": opts(**kw)}


def pbk(**kw):
    return {"kind": "parallel_backend", "options": opts(**kw)}


M8 = dict(env={"LOKY_MAX_CPU_COUNT": "8"}, machine=MACHINE8)
BACKENDS4 = ["loky", "threading", "multiprocessing", "sequential"]


def random_scope(rng):
    pools = {
        "backend": [None, "loky", "threading", "multiprocessing", "sequential"],
        "n_jobs": [None, 1, 2, 3, 4, -1, -2],
        "verbose": [0, 1, 5, 11, 60],
        "temp_folder": [None, "folder_a", "folder_b"],
        "max_nbytes": [None, 0, 100, "10K", "2M"],
        "mmap_mode": [None, "r", "r+", "c"],
        "prefer": [None, "threads", "processes"],
        "require": [None, None, "sharedmem"],
    }
    keys = rng.sample(sorted(pools), rng.choice([1, 1, 2, 2, 3]))
    o = {k: rng.choice(pools[k]) for k in keys}
    if "backend" in o and o["backend"] is None:
        o.pop("backend")
    return o


def random_stack_cases(seed, n, prefix):
    rng = random.Random(seed)
    out = []
    for i in range(n):
        scopes = []
        for _ in range(rng.choice([1, 2, 2, 3])):
            kind = rng.choice(["parallel_config"] * 4 + ["parallel_backend"])
            o = random_scope(rng)
            if kind == "parallel_backend":
                o = {k: v for k, v in o.items() if k in ("backend", "n_jobs")}
                o.setdefault("backend", rng.choice(BACKENDS4))
            if o.get("backend") == "loky" and rng.random() < 0.3:
                o["inner_max_num_threads"] = rng.choice([1, 2, 3])
            scopes.append({"kind": kind, "options": o})
        p = random_scope(rng) if rng.random() < 0.75 else {}
        out.append(case(f"{prefix}-{i:03d}", {"scopes": scopes, "parallel": p}, **M8))
    return out


def cases_resolve():
    out = []
    for b, n in itertools.product(
            [UNSET, None, *BACKENDS4, "nosuch"],
            [UNSET, None, 1, 2, 3, -1, -2, -3, -8, -9, -100, 0, 2.0, 2.3, 2.7, -1.5]):
        out.append(case(f"plain/backend={label(b)}/n_jobs={label(n)}",
                        {"scopes": [], "parallel": opts(backend=b, n_jobs=n)}, **M8))
    for b, pr, rq in itertools.product(
            [UNSET, *BACKENDS4], [UNSET, None, "threads", "processes", "nosuch"],
            [UNSET, None, "sharedmem", "nosuch"]):
        out.append(case(
            f"hints/backend={label(b)}/prefer={label(pr)}/require={label(rq)}",
            {"scopes": [], "parallel": opts(backend=b, n_jobs=2, prefer=pr, require=rq)},
            **M8))
    for b, n, pb, pn in itertools.product(
            [UNSET, *BACKENDS4], [UNSET, None, 1, 2, -1],
            [UNSET, None, "loky", "threading"], [UNSET, None, 3]):
        out.append(case(
            f"scope/backend={label(b)}/n_jobs={label(n)}/P.backend={label(pb)}"
            f"/P.n_jobs={label(pn)}",
            {"scopes": [cfg(backend=b, n_jobs=n)],
             "parallel": opts(backend=pb, n_jobs=pn)}, **M8))
    for b, pr, rq, v in itertools.product(
            [UNSET, *BACKENDS4], [UNSET, "threads", "processes"],
            [UNSET, "sharedmem"], [0, 10]):
        out.append(case(
            f"scope-backend-hints/backend={label(b)}/P.prefer={label(pr)}"
            f"/P.require={label(rq)}/verbose={v}",
            {"scopes": [cfg(backend=b, n_jobs=3)],
             "parallel": opts(prefer=pr, require=rq, verbose=v)}, **M8))
    for pr, rq, ppr, prq in itertools.product(
            [UNSET, "threads", "processes", "nosuch"], [UNSET, "sharedmem", "nosuch"],
            [UNSET, None, "processes"], [UNSET, None, "sharedmem"]):
        out.append(case(
            f"scope-hints/prefer={label(pr)}/require={label(rq)}/P.prefer={label(ppr)}"
            f"/P.require={label(prq)}",
            {"scopes": [cfg(prefer=pr, require=rq, n_jobs=2)],
             "parallel": opts(prefer=ppr, require=prq)}, **M8))
    for b, t in itertools.product([UNSET, None, *BACKENDS4], [1, 2, None]):
        out.append(case(
            f"inner-threads/backend={label(b)}/inner={label(t)}",
            {"scopes": [cfg(backend=b, n_jobs=2, inner_max_num_threads=t)],
             "parallel": {}}, **M8))
    for c in out:
        if c["id"].startswith("inner-threads/backend=None"):
            defect(c, "AttributeError: an explicit None backend is not handled",
                   "the same as backend unset")
    for b, t in itertools.product(BACKENDS4, [1, None]):
        out.append(case(
            f"inner-threads/parallel_backend={b}/inner={label(t)}",
            {"scopes": [pbk(backend=b, inner_max_num_threads=t)], "parallel": {}}, **M8))
    # deprecated parallel_backend, its own default n_jobs=-1
    for b, n, pn in itertools.product(BACKENDS4, [UNSET, None, 1, 3, -2], [UNSET, None, 2]):
        out.append(case(
            f"parallel_backend/backend={b}/n_jobs={label(n)}/P.n_jobs={label(pn)}",
            {"scopes": [pbk(backend=b, n_jobs=n)], "parallel": opts(n_jobs=pn)}, **M8))
    # backend_params
    for name, scopes, par in [
        ("loky-idle", [cfg(backend="loky", n_jobs=2,
                           backend_params={"idle_worker_timeout": 5})], {}),
        ("loky-timeout-refused", [cfg(backend="loky", n_jobs=2,
                                      backend_params={"timeout": 5})], {}),
        ("loky-unknown", [cfg(backend="loky", n_jobs=2,
                              backend_params={"nosuch_param": 5})], {}),
        ("threading-unknown", [cfg(backend="threading", n_jobs=2,
                                   backend_params={"nosuch_param": 5})], {}),
        ("unset-backend", [cfg(backend_params={"foo": 1})], {}),
        ("unset-backend-inner", [cfg(inner_max_num_threads=2)], {}),
        ("instance-with-params", [cfg(backend={"$instance": "ThreadingBackend"},
                                      backend_params={"foo": 1})], {}),
        ("instance", [cfg(backend={"$instance": "ThreadingBackend"}, n_jobs=2)], {}),
        ("instance-loky-inner", [cfg(backend={"$instance": "LokyBackend"}, n_jobs=2,
                                     inner_max_num_threads=3)], {}),
        ("bad-scope-name", [cfg(backend="nosuch")], {}),
        ("bad-scope-name-parallel_backend", [pbk(backend="nosuch")], {}),
        ("empty-name", [cfg(backend="")], {}),
        ("upper-case", [cfg(backend="Threading")], {}),
        ("scope-n_jobs-0", [cfg(n_jobs=0)], {}),
        ("scope-n_jobs-float", [cfg(n_jobs=2.9)], {}),
        ("scope-n_jobs-text", [cfg(n_jobs="abc")], {}),
        ("parallel-n_jobs-text", [], {"n_jobs": "abc"}),
        ("parallel-n_jobs-digits", [], {"n_jobs": "2"}),
        ("parallel-kwargs-idle", [], {"backend": "loky", "n_jobs": 2,
                                      "idle_worker_timeout": 7}),
        ("parallel-inner-threads-kwarg", [], {"backend": "loky", "n_jobs": 2,
                                              "inner_max_num_threads": 2}),
        ("parallel-instance", [], {"backend": {"$instance": "ThreadingBackend"},
                                   "n_jobs": 2}),
        ("parallel-instance-nested", [cfg(backend="threading", n_jobs=3)],
         {"backend": {"$instance": "LokyBackend", "args": {"nesting_level": 2}}}),
        ("parallel-mp-context-spawn", [], {"backend": {"$mp_context": "spawn"}, "n_jobs": 2}),
        ("sharedmem-explicit-loky", [], {"backend": "loky", "require": "sharedmem"}),
        ("sharedmem-scope-explicit-mp", [cfg(require="sharedmem")],
         {"backend": "multiprocessing", "n_jobs": 2}),
        ("return_as-bad", [], {"return_as": "tuple"}),
        ("return_as-generator-mp", [], {"backend": "multiprocessing", "n_jobs": 2,
                                        "return_as": "generator"}),
        ("return_as-generator-mp-njobs1", [], {"backend": "multiprocessing", "n_jobs": 1,
                                               "return_as": "generator"}),
        ("return_as-unordered-mp", [], {"backend": "multiprocessing", "n_jobs": 2,
                                        "return_as": "generator_unordered"}),
        ("return_as-generator-sequential", [], {"backend": "sequential",
                                                "return_as": "generator"}),
        ("return_as-unordered-threading", [], {"backend": "threading", "n_jobs": 2,
                                               "return_as": "generator_unordered"}),
        ("timeout-sequential", [], {"n_jobs": 1, "timeout": 3}),
        ("timeout-threading", [], {"n_jobs": 2, "backend": "threading", "timeout": 3}),
        ("timeout-fallback", [], {"n_jobs": 1, "backend": "loky", "timeout": 2.5}),
        ("max_nbytes-1K", [], {"max_nbytes": "1K"}),
        ("max_nbytes-1.5M", [], {"max_nbytes": "1.5M"}),
        ("max_nbytes-G", [], {"max_nbytes": "2G"}),
        ("max_nbytes-plain-number-text", [], {"max_nbytes": "100"}),
        ("max_nbytes-bad-unit", [], {"max_nbytes": "10X"}),
        ("max_nbytes-lower-case", [], {"max_nbytes": "10k"}),
        ("max_nbytes-KB", [], {"max_nbytes": "10KB"}),
        ("max_nbytes-space", [], {"max_nbytes": "10 K"}),
        ("max_nbytes-no-number", [], {"max_nbytes": "M"}),
        ("max_nbytes-float", [], {"max_nbytes": 1e6}),
        ("max_nbytes-negative", [], {"max_nbytes": -1}),
        ("max_nbytes-bad-in-scope", [cfg(max_nbytes="10X")], {}),
        ("mmap_mode-bad", [], {"mmap_mode": "nosuch", "n_jobs": 2, "backend": "loky"}),
        ("verbose-60", [], {"verbose": 60}),
        ("verbose-negative", [], {"verbose": -5}),
        ("verbose-true", [], {"verbose": True}),
        ("dask-unregistered-in-Parallel", [], {"backend": "dask", "n_jobs": 2}),
        ("ray-unregistered-in-Parallel", [], {"backend": "ray", "n_jobs": 2}),
        ("ray-unregistered-in-scope", [cfg(backend="ray")], {}),
    ]:
        out.append(case(f"params/{name}", {"scopes": scopes, "parallel": par}, **M8))
    # without process support
    for b, n, pb in itertools.product(
            [UNSET, *BACKENDS4], [UNSET, 2, -1], [UNSET, "loky", "multiprocessing"]):
        out.append(case(
            f"no-processes/backend={label(b)}/n_jobs={label(n)}/P.backend={label(pb)}",
            {"scopes": [cfg(backend=b, n_jobs=n)], "parallel": opts(backend=pb)},
            env={"JOBLIB_MULTIPROCESSING": "0"}, machine=MACHINE8))
    for pr, rq in itertools.product([UNSET, "threads", "processes"], [UNSET, "sharedmem"]):
        out.append(case(
            f"no-processes-hints/prefer={label(pr)}/require={label(rq)}",
            {"scopes": [], "parallel": opts(n_jobs=2, prefer=pr, require=rq)},
            env={"JOBLIB_MULTIPROCESSING": "0"}, machine=MACHINE8))
    out += event_cases()
    out += random_stack_cases(20240601, 150, "stack")
    return out


def ev(do, **kw):
    return dict(do=do, **kw)


def enter(name, kind="parallel_config", **kw):
    return dict(do="enter", scope=name, kind=kind, options=opts(**kw))


def event_cases():
    c = []

    def add(name, events, **kw):
        c.append(case(f"events/{name}", {"events": events}, **(kw or M8)))

    add("exit-restores", [
        ev("observe", label="before"),
        enter("a", backend="threading", n_jobs=2), ev("observe", label="in a"),
        ev("exit", scope="a"), ev("observe", label="after")])
    add("unregister-restores", [
        enter("a", backend="threading", n_jobs=2), ev("observe", label="in a"),
        ev("unregister", scope="a"), ev("observe", label="after")])
    add("nested-exit", [
        enter("a", backend="threading", n_jobs=2, verbose=3),
        enter("b", n_jobs=3), ev("observe", label="in b"),
        ev("exit", scope="b"), ev("observe", label="back in a"),
        ev("exit", scope="a"), ev("observe", label="after")])
    add("out-of-order", [
        enter("a", backend="threading", n_jobs=2), enter("b", n_jobs=3),
        ev("unregister", scope="a"), ev("observe", label="a ended first"),
        ev("unregister", scope="b"), ev("observe", label="then b ended")])
    add("unregister-twice", [
        enter("a", n_jobs=2), ev("unregister", scope="a"), enter("b", n_jobs=3),
        ev("unregister", scope="a"), ev("observe", label="a ended twice")])
    add("thread-does-not-see", [
        enter("a", backend="threading", n_jobs=2, verbose=4),
        ev("thread", events=[ev("observe", label="other thread")]),
        ev("observe", label="main thread"), ev("exit", scope="a")])
    add("thread-sets-own", [
        ev("thread", events=[enter("t", backend="threading", n_jobs=3),
                             ev("observe", label="other thread")]),
        ev("observe", label="main thread")])
    add("failed-scope-leaves-config", [
        enter("a", backend="threading", n_jobs=2),
        enter("b", backend="nosuch")])
    add("parallel_backend-then-config", [
        enter("a", kind="parallel_backend", backend="threading"),
        enter("b", n_jobs=2), ev("observe", label="config in backend"),
        enter("c", kind="parallel_backend", backend="loky", n_jobs=3),
        ev("observe", label="backend in config")])
    for cls in ("PlainBackend", "SharedMemBackend", "ThreadLikeBackend"):
        add(f"registered/{cls}", [
            ev("register", name="custom", **{"class": cls}),
            ev("observe", label="not default", parallel={}),
            ev("observe", label="by name", parallel={"backend": "custom"}),
            ev("observe", label="by name, 2", parallel={"backend": "custom", "n_jobs": 2}),
            ev("observe", label="by name, sharedmem",
               parallel={"backend": "custom", "require": "sharedmem", "n_jobs": 2}),
            enter("a", backend="custom"),
            ev("observe", label="in scope", parallel={}),
            ev("observe", label="in scope, threads", parallel={"prefer": "threads"}),
            ev("observe", label="in scope, processes", parallel={"prefer": "processes"}),
            ev("observe", label="in scope, sharedmem", parallel={"require": "sharedmem"}),
            ev("observe", label="in scope, sharedmem, verbose",
               parallel={"require": "sharedmem", "verbose": 10}),
            ev("observe", label="in scope, -1", parallel={"n_jobs": -1})])
        add(f"registered-default/{cls}", [
            ev("register", name="custom", make_default=True, **{"class": cls}),
            ev("observe", label="default", parallel={}),
            ev("observe", label="threads", parallel={"prefer": "threads"}),
            ev("observe", label="processes", parallel={"prefer": "processes"}),
            ev("observe", label="sharedmem", parallel={"require": "sharedmem"}),
            ev("observe", label="sharedmem, verbose",
               parallel={"require": "sharedmem", "verbose": 10}),
            ev("observe", label="explicit loky", parallel={"backend": "loky", "n_jobs": 2}),
            enter("a", n_jobs=2), ev("observe", label="n_jobs in scope", parallel={})])
    add("registered/params", [
        ev("register", name="custom", **{"class": "PlainBackend"}),
        enter("a", backend="custom", n_jobs=2, backend_params={"param": 42}),
        ev("observe", label="in scope")])
    add("registered/inner-threads-refused", [
        ev("register", name="custom", **{"class": "PlainBackend"}),
        enter("a", backend="custom", inner_max_num_threads=2)])
    add("registered/inner-threads-accepted", [
        ev("register", name="custom", **{"class": "InnerThreadsBackend"}),
        enter("a", backend="custom", inner_max_num_threads=2),
        ev("observe", label="in scope")])
    add("registered/overrides-builtin", [
        ev("register", name="threading", **{"class": "ThreadLikeBackend"}),
        ev("observe", label="by name", parallel={"backend": "threading", "n_jobs": 2}),
        ev("observe", label="sharedmem", parallel={"require": "sharedmem", "n_jobs": 2}),
        ev("observe", label="threads", parallel={"prefer": "threads", "n_jobs": 2})])
    add("registered/error-lists-names", [
        ev("register", name="aaa", **{"class": "PlainBackend"}),
        ev("observe", label="bad", parallel={"backend": "nosuch"}),
        enter("a", backend="nosuch")])
    add("dask-without-distributed", [
        ev("hide_module", name="distributed"), enter("a", backend="dask")])
    add("dask-without-client", [enter("a", backend="dask")])
    add("dask-bad-name-after-failed-dask", [
        ev("hide_module", name="distributed"),
        ev("observe", label="Parallel", parallel={"backend": "dask", "n_jobs": 2})])
    return c


N_JOBS_ASKED = {"unset": None, "None": None, "1": 1, "2": 2, "3": 3, "100": 100, "0": 0,
                "-1": -1, "-2": -2, "-3": -3, "-8": -8, "-100": -100, "2.7": 2.7}


def cases_effective_n_jobs():
    out = []
    for cpus, env in [(8, {}), (8, {"LOKY_MAX_CPU_COUNT": "1"}),
                      (8, {"LOKY_MAX_CPU_COUNT": "4"}), (8, {"LOKY_MAX_CPU_COUNT": "16"}),
                      (8, {"JOBLIB_MULTIPROCESSING": "0"}), (1, {})]:
        for b, n in itertools.product([UNSET, *BACKENDS4], [UNSET, None, 1, 3, -1]):
            envl = ",".join(f"{k}={v}" for k, v in env.items()) or "no env"
            out.append(case(
                f"cpus={cpus}/{envl}/backend={label(b)}/n_jobs={label(n)}",
                {"scopes": [cfg(backend=b, n_jobs=n)] if (b, n) != (UNSET, UNSET) else [],
                 "n_jobs": N_JOBS_ASKED},
                env=env, machine={"os_cpu_count": cpus, "affinity": cpus}))
    for b in BACKENDS4:
        out.append(case(f"parallel_backend={b}",
                        {"scopes": [pbk(backend=b)], "n_jobs": N_JOBS_ASKED}, **M8))
        out.append(case(f"in_thread/backend={b}",
                        {"scopes": [cfg(backend=b, n_jobs=3)], "n_jobs": N_JOBS_ASKED,
                         "in_thread": True}, **M8))
    out.append(case("hint/threads", {"scopes": [cfg(prefer="threads", n_jobs=3)],
                                     "n_jobs": N_JOBS_ASKED}, **M8))
    out.append(case("constraint/sharedmem", {"scopes": [cfg(require="sharedmem", n_jobs=3)],
                                             "n_jobs": N_JOBS_ASKED}, **M8))
    out.append(case("constraint/sharedmem-loky",
                    {"scopes": [cfg(backend="loky", require="sharedmem", n_jobs=3)],
                     "n_jobs": N_JOBS_ASKED}, **M8))
    return out


def cases_nesting():
    out = []
    third = {"parallel": {"n_jobs": 2}}
    for ob, on in itertools.product(BACKENDS4, [1, 2]):
        inner = [("default", {"parallel": {"n_jobs": 2}}),
                 ("unset", {"parallel": {}})]
        for b in BACKENDS4:
            inner.append((f"Parallel({b})", {"parallel": {"backend": b, "n_jobs": 2}}))
            inner.append((f"scope({b})", {"scopes": [cfg(backend=b, n_jobs=2)],
                                          "parallel": {}}))
        inner.append(("sharedmem", {"parallel": {"n_jobs": 2, "require": "sharedmem"}}))
        inner.append(("processes", {"parallel": {"n_jobs": 2, "prefer": "processes"}}))
        for name, lv in inner:
            if on == 1 and name not in ("default", "unset", "Parallel(threading)"):
                continue
            out.append(case(
                f"outer={ob},{on}/inner={name}",
                {"levels": [{"parallel": {"backend": ob, "n_jobs": on}}, lv, third]}))
    for ob in BACKENDS4:
        out.append(case(
            f"scope-outer={ob}/plain-inner",
            {"levels": [{"scopes": [cfg(backend=ob, n_jobs=2)], "parallel": {}},
                        {"parallel": {}}, third, third]}))
        out.append(case(
            f"parallel_backend-outer={ob}/plain-inner",
            {"levels": [{"scopes": [pbk(backend=ob, n_jobs=2)], "parallel": {}},
                        {"parallel": {"n_jobs": 2}}, third]}))
        out.append(case(
            f"in_thread={ob}",
            {"in_thread": True,
             "levels": [{"parallel": {"backend": ob, "n_jobs": 2}}, third]}))
    out.append(case("scope-inner-threads-loky", {
        "levels": [{"scopes": [cfg(backend="loky", n_jobs=2, inner_max_num_threads=2)],
                    "parallel": {}}, third]}))
    return out


def cases_verbose():
    out = []
    for n, v, inp in itertools.product([0, 1, 2, 5, 10, 21], [0, 1, 2, 5, 10, 11, 49, 50, 51, 100],
                                       ["generator", "list"]):
        out.append(case(
            f"sequential/n={n}/verbose={v}/{inp}",
            {"parallel": {"n_jobs": 1, "verbose": v}, "n_tasks": n, "input": inp,
             "keep": "all"}))
    for n, v, pd, bs in itertools.product(
            [1, 4, 10, 21], [0, 1, 5, 10, 11, 50, 51, 100], [UNSET, "all"], [1, 3]):
        out.append(case(
            f"threading/n={n}/verbose={v}/pre_dispatch={label(pd)}/batch_size={bs}",
            {"parallel": opts(n_jobs=2, backend="threading", verbose=v, pre_dispatch=pd,
                              batch_size=bs),
             "n_tasks": n, "task_seconds": 0.04,
             "keep": "all" if (bs == 1) else "ends"}))
    for b, v in itertools.product(["loky", "multiprocessing"], [1, 5, 10, 11, 50, 100]):
        out.append(case(
            f"{b}/n=8/verbose={v}/batch_size=1",
            {"parallel": {"n_jobs": 2, "backend": b, "verbose": v, "batch_size": 1},
             "n_tasks": 8, "task_seconds": 0.05, "keep": "ends"}))
        out.append(case(
            f"{b}/n=8/verbose={v}/batch_size=auto/all",
            {"parallel": {"n_jobs": 2, "backend": b, "verbose": v, "pre_dispatch": "all"},
             "n_tasks": 8, "task_seconds": 0.05, "keep": "ends"}))
    for b in ("threading", "sequential"):
        for v in (1, 11, 50):
            out.append(case(
                f"{b}/raises/verbose={v}",
                {"parallel": {"n_jobs": 2, "backend": b, "verbose": v, "batch_size": 1,
                              "pre_dispatch": "all"},
                 "tasks": [{"op": "return", "value": 0},
                           {"op": "raise", "type": "ValueError", "args": ["boom"]}],
                 "keep": "all" if b == "sequential" else "ends"}))
    for c in out:
        if c["id"].startswith("sequential/raises"):
            defect(c, "AttributeError hides the task's own error",
                   {"error": {"type": "ValueError", "message": "boom"}})
    out.append(case("list-input/threading/verbose=11", {
        "parallel": {"n_jobs": 2, "backend": "threading", "verbose": 11, "batch_size": 1},
        "n_tasks": 12, "task_seconds": 0.04, "input": "list", "keep": "all"}))
    return out


def cases_dispatch():
    out = []
    for pd in [UNSET, "all", "2 * n_jobs", "n_jobs", "3*n_jobs", "1.5*n_jobs", 1, 3, "7",
               "n_jobs // 2 + 1", "(n_jobs+1)**2", "n_jobs % 2 + 2"]:
        for b, n, bs in [("threading", 2, 1), ("threading", 3, 2), ("loky", 2, 1)]:
            if b == "loky" and pd not in (UNSET, "all", "n_jobs", 3):
                continue
            out.append(case(
                f"read/{b},{n}/pre_dispatch={label(pd)}/batch_size={bs}",
                {"kind": "consumption", "n_tasks": 40,
                 "parallel": opts(backend=b, n_jobs=n, pre_dispatch=pd, batch_size=bs)}))
    for bs in [UNSET, "auto", 5, 10, 100]:
        out.append(case(
            f"read/threading,2/default/batch_size={label(bs)}",
            {"kind": "consumption", "n_tasks": 40,
             "parallel": opts(backend="threading", n_jobs=2, batch_size=bs)}))
    out.append(case("read/multiprocessing,2/default", {
        "kind": "consumption", "n_tasks": 40,
        "parallel": {"backend": "multiprocessing", "n_jobs": 2, "batch_size": 1}}))
    for pd in ["nosuch", "2*x", "", "n_jobs**100", "1/0", "__import__('os')", "n_jobs +",
               "2*n_jobs + 2*n_jobs + 2*n_jobs + 1", 0, -1, "0*n_jobs", "n_jobs-5", "all ",
               "1000000", "1000001", "+".join("1" * 16), "n_jobs" * 5, "n_jobs.real", "2.9", 2.9, "[1]", "True", None]:
        out.append(case(
            f"pre_dispatch-odd/{pd!r}",
            {"kind": "run", "n_tasks": 6,
             "parallel": {"backend": "threading", "n_jobs": 2, "pre_dispatch": pd}}))
    out.append(case("pre_dispatch-odd/ignored-when-sequential", {
        "kind": "run", "n_tasks": 3, "parallel": {"n_jobs": 1, "pre_dispatch": "nosuch"}}))
    for bs in [0, -1, "nosuch", 1.5, None, True, 2, "auto"]:
        for n in (1, 2):
            out.append(case(
                f"batch_size/{label(bs)}/n_jobs={n}",
                {"kind": "run", "n_tasks": 5,
                 "parallel": {"backend": "threading", "n_jobs": n, "batch_size": bs}}))
    for b, ra, n in itertools.product(BACKENDS4, ["list", "generator", "generator_unordered"],
                                      [0, 1, 9]):
        out.append(case(
            f"results/{b}/{ra}/n={n}",
            {"kind": "run", "n_tasks": n, "as_set": ra == "generator_unordered",
             "parallel": {"backend": b, "n_jobs": 2, "return_as": ra}}))
    slow_first = [{"op": "sleep", "seconds": 1.0, "value": "slow"},
                  {"op": "sleep", "seconds": 0.05, "value": "fast 1"},
                  {"op": "sleep", "seconds": 0.1, "value": "fast 2"}]
    for b, ra in itertools.product(["threading", "loky"],
                                   ["list", "generator", "generator_unordered"]):
        out.append(case(
            f"order/{b}/{ra}",
            {"kind": "run", "tasks": slow_first,
             "parallel": {"backend": b, "n_jobs": 2, "return_as": ra, "batch_size": 1}}))
    for ra in ("generator", "generator_unordered"):
        out.append(case(f"lazy/n_jobs=1/{ra}", {
            "kind": "lazy", "n_tasks": 6, "take": 3,
            "parallel": {"n_jobs": 1, "return_as": ra}}))
        out.append(case(f"lazy/n_jobs=1/{ra}/batch_size=2", {
            "kind": "lazy", "n_tasks": 6, "take": 3,
            "parallel": {"n_jobs": 1, "return_as": ra, "batch_size": 2}}))
    for b, at, pd, ra in itertools.product(
            ["threading", "loky", "sequential", "multiprocessing"], [0, 3],
            [UNSET, "all"], ["list", "generator"]):
        if b == "multiprocessing" and ra == "generator":
            continue
        out.append(case(
            f"input-raises/{b}/at={at}/pre_dispatch={label(pd)}/{ra}",
            {"kind": "input_raises", "n_tasks": 8, "at": at,
             "parallel": opts(backend=b, n_jobs=2, pre_dispatch=pd, return_as=ra,
                              batch_size=1)}))
    for c in out:
        if re.match("input-raises/(threading|loky|multiprocessing)/at=0/pre_dispatch=all",
                    c["id"]):
            defect(c, "the error of the input is lost, the result is empty",
                   {"error": {"type": "ValueError", "message": "input failed at 0"}})
        if c["id"] in ("pre_dispatch-odd/0", "pre_dispatch-odd/'0*n_jobs'"):
            defect(c, "nothing is run and nothing is said", "unspecified: refuse it")
    for b, ra in itertools.product(["threading", "loky", "sequential"],
                                   ["generator", "generator_unordered"]):
        out.append(case(f"reentrant/{b}/{ra}", {
            "kind": "reentrant",
            "parallel": {"backend": b, "n_jobs": 2, "return_as": ra}}))
        out.append(case(f"closed-early/{b}/{ra}", {
            "kind": "closed_early", "n_tasks": 8, "take": 1,
            "parallel": {"backend": b, "n_jobs": 2, "return_as": ra, "batch_size": 1}}))
        out.append(case(f"closed-when-done/{b}/{ra}", {
            "kind": "closed_when_done", "n_tasks": 4, "take": 1,
            "parallel": {"backend": b, "n_jobs": 2, "return_as": ra, "batch_size": 1,
                         "pre_dispatch": "all"}}))
    for b in ("threading", "multiprocessing", "loky"):
        out.append(case(f"reentrant-thread/{b}/list", {
            "kind": "reentrant_thread", "parallel": {"backend": b, "n_jobs": 2}}))
    return out


def R(v):
    return {"op": "return", "value": v}


def raising(t, *args):
    return {"op": "raise", "type": t, "args": list(args)}


SLEEP5 = {"op": "sleep", "seconds": 5}


def cases_errors():
    out = []
    three = ["threading", "loky", "multiprocessing"]
    for b, (nm, err) in itertools.product(
            BACKENDS4,
            [("ValueError", raising("ValueError", "boom")),
             ("no-args", raising("RuntimeError")),
             ("two-args", raising("ValueError", "a", 2)),
             ("CustomError", raising("CustomError", "mine", 3)),
             ("KeyError", raising("KeyError", "k")),
             ("OSError", raising("OSError", 2, "gone")),
             ("StopIteration", raising("StopIteration", "stop")),
             ("SystemExit", {"op": "exit", "code": 3}),
             ("KeyboardInterrupt", raising("KeyboardInterrupt"))]):
        out.append(case(f"raise/{b}/{nm}", {
            "parallel": {"backend": b, "n_jobs": 2, "batch_size": 1},
            "tasks": [R(0), R(1), err, R(3)], "then": "same object"}))
    for b, i in itertools.product(BACKENDS4, [0, 5]):
        out.append(case(f"raise-at/{b}/{i}", {
            "parallel": {"backend": b, "n_jobs": 2, "batch_size": 2},
            "tasks": [R(k) if k != i else raising("ValueError", f"at {i}")
                      for k in range(6)], "then": "new object"}))
    for b, ra in itertools.product(["threading", "loky", "sequential"],
                                   ["generator", "generator_unordered"]):
        out.append(case(f"raise-{ra}/{b}", {
            "parallel": {"backend": b, "n_jobs": 2, "return_as": ra},
            "tasks": [R(0), raising("ValueError", "boom"), R(2)], "then": "same object"}))
    for b in three:
        out.append(case(f"fast-error-beats-slow-task/{b}", {
            "parallel": {"backend": b, "n_jobs": 2, "batch_size": 1},
            "tasks": [SLEEP5, raising("ValueError", "second task")],
            "quick_within": 4}))
        out.append(case(f"timeout/{b}/list", {
            "parallel": {"backend": b, "n_jobs": 2, "timeout": 0.4},
            "tasks": [SLEEP5, SLEEP5], "quick_within": 4, "then": "new object"}))
        out.append(case(f"timeout-not-reached/{b}", {
            "parallel": {"backend": b, "n_jobs": 2, "timeout": 30},
            "tasks": [R(1), R(2)]}))
    for b, ra in itertools.product(["threading", "loky"], ["generator", "generator_unordered"]):
        out.append(case(f"timeout/{b}/{ra}", {
            "parallel": {"backend": b, "n_jobs": 2, "timeout": 0.4, "return_as": ra},
            "tasks": [SLEEP5, SLEEP5], "quick_within": 4}))
    out.append(case("timeout/sequential", {
        "parallel": {"backend": "sequential", "n_jobs": 2, "timeout": 0.1},
        "tasks": [{"op": "sleep", "seconds": 0.4, "value": 1}]}))
    out.append(case("timeout/n_jobs=1", {
        "parallel": {"backend": "loky", "n_jobs": 1, "timeout": 0.1},
        "tasks": [{"op": "sleep", "seconds": 0.4, "value": 1}]}))
    for nm, t in [("SIGKILL", {"op": "signal", "signal": 9}),
                  ("SIGTERM", {"op": "signal", "signal": 15}),
                  ("SIGSEGV", {"op": "signal", "signal": 11}),
                  ("SIGABRT", {"op": "signal", "signal": 6}),
                  ("_exit0", {"op": "_exit", "code": 0}),
                  ("_exit3", {"op": "_exit", "code": 3}),
                  ("_exit255", {"op": "_exit", "code": 255})]:
        for th in ("same object", "new object"):
            out.append(case(f"worker-dies/loky/{nm}/{th}", {
                "parallel": {"backend": "loky", "n_jobs": 2},
                "tasks": [t], "then": th}))
    out.append(case("worker-dies/multiprocessing/SIGKILL-with-timeout", {
        "parallel": {"backend": "multiprocessing", "n_jobs": 2, "timeout": 2},
        "tasks": [{"op": "signal", "signal": 9}], "then": "new object"}))
    for b in three:
        for arg in ("unpicklable", "lambda"):
            out.append(case(f"argument/{b}/{arg}", {
                "parallel": {"backend": b, "n_jobs": 2},
                "tasks": [{"op": "take", "arg": arg}, R(1)], "then": "new object"}))
    for b in ("loky", "multiprocessing"):
        out.append(case(f"result/{b}/unpicklable", {
            "parallel": {"backend": b, "n_jobs": 2},
            "tasks": [{"op": "return_unpicklable"}, R(1)], "then": "new object"}))
    out.append(case("argument/loky/fails-to-rebuild", {
        "parallel": {"backend": "loky", "n_jobs": 2},
        "tasks": [{"op": "take", "arg": "bomb"}, R(1)], "then": "new object"}))
    out.append(case("result/loky/fails-to-rebuild", {
        "parallel": {"backend": "loky", "n_jobs": 2},
        "tasks": [{"op": "return_bomb"}], "then": "new object"}))
    out.append(case("raise/loky/exception-that-fails-to-rebuild", {
        "parallel": {"backend": "loky", "n_jobs": 2},
        "tasks": [raising("TwoArgsError", "x", "y")], "then": "new object"}))
    return out


def arr(kind="plain", shape=(2000,), dtype="float64", order="C", **kw):
    return dict(kind=kind, shape=list(shape), dtype=dtype, order=order, **kw)


MM = {"n_jobs": 2, "temp_folder": "<TEMP_FOLDER>"}


def cases_memmap():
    out = []
    A = arr()  # 16 000 bytes
    for b, mx in itertools.product(
            ["loky", "multiprocessing"],
            [UNSET, None, 0, 100, 15999, 16000, 16001, "15K", "10K", "1M", "0.015M"]):
        out.append(case(f"threshold/{b}/max_nbytes={label(mx)}", {
            "array": A, "parallel": opts(backend=b, max_nbytes=mx, **MM)}))
    for b, mode, w in itertools.product(["loky", "multiprocessing"],
                                        [UNSET, "r", "r+", "w+", "c"], [True]):
        out.append(case(f"mode/{b}/mmap_mode={label(mode)}", {
            "array": A, "write": w,
            "parallel": opts(backend=b, max_nbytes=100, mmap_mode=mode, **MM)}))
    for mode, doc in ((None, "no memmapping: the worker gets a plain array"),
                      ("nosuch", "unspecified: refuse it early")):
        out.append(defect(
            case(f"mode/loky/mmap_mode={label(mode)}", {
                "array": A,
                "parallel": opts(backend="loky", max_nbytes=100, mmap_mode=mode, **MM)}),
            "the array is dumped, then the worker fails to load it", doc))
    out.append(case("mode/loky/mmap_mode=None/below-threshold", {
        "array": A, "parallel": opts(backend="loky", mmap_mode=None, **MM)}))
    for nm, a in [
        ("fortran", arr(shape=(40, 50), order="F")),
        ("c-2d", arr(shape=(40, 50))),
        ("transposed", arr("transposed", shape=(40, 50))),
        ("strided", arr("strided", shape=(4000,))),
        ("contiguous-slice", arr("contiguous_slice", shape=(4000,))),
        ("strided-2d", arr("strided", shape=(80, 50))),
        ("int8", arr(shape=(2000,), dtype="int8")),
        ("complex", arr(shape=(500,), dtype="complex128")),
        ("bool", arr(shape=(2000,), dtype="bool")),
        ("big-endian", arr(shape=(2000,), dtype=">f8")),
        ("object", arr("object", shape=(2000,))),
        ("empty", arr(shape=(0,))),
        ("scalar", arr(shape=())),
        ("one-byte-over", arr(shape=(101,), dtype="int8")),
        ("exactly-max", arr(shape=(100,), dtype="int8")),
    ]:
        for b in ("loky", "multiprocessing"):
            out.append(case(f"layout/{b}/{nm}", {
                "array": a, "write": nm in ("fortran", "strided"),
                "parallel": opts(backend=b, max_nbytes=100, **MM)}))
    for nm, a in [
        ("w+", arr("memmap", mode="w+")), ("r", arr("memmap", mode="r")),
        ("r+", arr("memmap", mode="r+")), ("c", arr("memmap", mode="c")),
        ("slice", arr("memmap_slice", mode="r+")),
        ("strided", arr("memmap_strided", mode="r+")),
        ("strided-2d", arr("memmap_strided", shape=(80, 50), mode="r+")),
        ("asarray", arr("memmap_asarray", mode="r+")),
        ("fortran", arr("memmap", shape=(40, 50), order="F", mode="r+")),
        ("fortran-slice", arr("memmap_slice", shape=(40, 50), order="F", mode="r+")),
        ("offset", arr("memmap", mode="r+", offset=24)),
        ("small", arr("memmap", shape=(2,), mode="r+")),
    ]:
        for mx in (UNSET, None):
            out.append(case(f"already-memmap/loky/{nm}/max_nbytes={label(mx)}", {
                "array": a, "write": True,
                "parallel": opts(backend="loky", max_nbytes=mx, **MM)}))
        out.append(case(f"already-memmap/multiprocessing/{nm}", {
            "array": a, "write": True,
            "parallel": opts(backend="multiprocessing", max_nbytes=100, **MM)}))
    for b in ("loky", "multiprocessing"):
        out.append(case(f"same-array-twice/{b}", {
            "array": A, "n_tasks": 4, "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"equal-arrays/{b}", {
            "array": A, "n_tasks": 4, "copies": "distinct",
            "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"managed/{b}", {
            "kind": "managed", "calls": 2, "array": A,
            "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"two-parallels/{b}", {
            "kind": "two_parallels", "array": A,
            "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"returned/{b}/from-joblib-memmap", {
            "kind": "returned", "array": A,
            "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"returned/{b}/from-user-memmap", {
            "kind": "returned", "array": arr("memmap", mode="r"),
            "parallel": opts(backend=b, max_nbytes=100, **MM)}))
        out.append(case(f"returned/{b}/plain", {
            "kind": "returned", "array": A, "parallel": opts(backend=b, max_nbytes=None, **MM)}))
        for how in ("exit", "sigkill", "raise"):
            c = case(f"program-ends/{b}/{how}", {
                "kind": how, "within_seconds": 15,
                "parallel": {"backend": b, "n_jobs": 2, "max_nbytes": 100}})
            if (b, how) == ("loky", "sigkill"):
                defect(c, "orphaned workers and the folder stay for idle_worker_timeout + 30 s",
                       {"folder_gone_in_time": True})
            out.append(c)
    out.append(case("program-ends/loky/sigkill/idle_worker_timeout=1", {
        "kind": "sigkill", "within_seconds": 45,
        "parallel": {"backend": "loky", "n_jobs": 2, "max_nbytes": 100,
                     "idle_worker_timeout": 1}}))
    for b in ("threading", "sequential"):
        out.append(case(f"no-memmapping/{b}", {
            "array": A, "write": True, "parallel": opts(backend=b, max_nbytes=100, **MM)}))
    J, T = {"JOBLIB_TEMP_FOLDER": "<JOBLIB_TEMP_FOLDER>"}, {"TMPDIR": "<TMPDIR>"}
    base = {"backend": "loky", "n_jobs": 2, "max_nbytes": 100}
    for nm, env, par, extra in [
        ("all-set", {**J, **T}, {**base, "temp_folder": "<TEMP_FOLDER>"}, {}),
        ("joblib-env", {**J, **T}, base, {}),
        ("shm", T, base, {}),
        ("no-shm-tmpdir", T, base, {"no_shm": True}),
        ("small-shm-tmpdir", T, base, {"small_shm": True}),
        ("multiprocessing-joblib-env", {**J, **T}, {**base, "backend": "multiprocessing"}, {}),
        ("multiprocessing-shm", T, {**base, "backend": "multiprocessing"}, {}),
    ]:
        out.append(case(f"place/{nm}", {"array": A, "parallel": par, **extra}, env=env))
    return out


def cases_workers_env():
    out = []
    for cpus, n, t in [(8, 2, None), (8, 3, None), (8, 4, None), (8, 2, 1), (8, 2, 3),
                       (4, 2, None), (1, 2, None), (8, 2, 16), (2, 3, None)]:
        out.append(case(
            f"loky/max_cpu={cpus}/n_jobs={n}/inner={label(t)}",
            {"scopes": [cfg(backend="loky", inner_max_num_threads=t)],
             "parallel": {"n_jobs": n}},
            env={"LOKY_MAX_CPU_COUNT": str(cpus)}, machine=MACHINE8))
    for nm, env, t in [
        ("OMP=7", {"OMP_NUM_THREADS": "7"}, None),
        ("OMP=7,inner=2", {"OMP_NUM_THREADS": "7"}, 2),
        ("two preset", {"MKL_NUM_THREADS": "5", "NUMBA_NUM_THREADS": "6"}, None),
        ("empty", {"OMP_NUM_THREADS": ""}, None),
        ("not a number", {"OPENBLAS_NUM_THREADS": "many"}, None),
        ("IPC=0", {"ENABLE_IPC": "0"}, None),
        ("IPC=0,inner=2", {"ENABLE_IPC": "0"}, 2),
    ]:
        out.append(case(
            f"loky/preset {nm}",
            {"scopes": [cfg(backend="loky", inner_max_num_threads=t)],
             "parallel": {"n_jobs": 2}},
            env={"LOKY_MAX_CPU_COUNT": "8", **env}, machine=MACHINE8))
    for b, n in [("multiprocessing", 2), ("threading", 2), ("sequential", 2), ("loky", 1)]:
        for env in ({}, {"OMP_NUM_THREADS": "7"}):
            out.append(case(
                f"{b},{n}/{'OMP=7' if env else 'none set'}",
                {"scopes": [], "parallel": {"backend": b, "n_jobs": n}},
                env={"LOKY_MAX_CPU_COUNT": "8", **env}, machine=MACHINE8))
    return out


def cases_cpu_count():
    out = []
    for v in ["1", "2", "4", "8", "100", "0", "-1", "-5", " 3 ", "abc", "", "2.5", "1e1",
              "+4", "0x4"]:
        out.append(case(f"LOKY_MAX_CPU_COUNT={v!r}", {},
                        env={"LOKY_MAX_CPU_COUNT": v},
                        machine={"os_cpu_count": 8, "affinity": 8, "physical_cores": 4}))
    for m in [
        {"os_cpu_count": 8, "affinity": 8, "physical_cores": 4},
        {"os_cpu_count": 8, "affinity": 8, "physical_cores": 8},
        {"os_cpu_count": 8, "affinity": 8, "physical_cores": 0},
        {"os_cpu_count": 8, "affinity": 8, "physical_cores": "error"},
        {"os_cpu_count": 8, "affinity": 3, "physical_cores": 4},
        {"os_cpu_count": 8, "affinity": 6, "physical_cores": 4},
        {"os_cpu_count": 1, "affinity": 1, "physical_cores": 1},
        {"os_cpu_count": None, "affinity": 1, "physical_cores": 1},
        {"os_cpu_count": 8, "affinity": 16, "physical_cores": 4},
        *[{"os_cpu_count": 8, "affinity": 8, "physical_cores": 4, "cgroup_v2": q} for q in
          ("max 100000", "100000 100000", "150000 100000", "50000 100000", "1000 100000",
           "200000 100000", "200001 100000", "900000 100000", "0 100000", "-1 100000",
           "400000 50000")],
        *[{"os_cpu_count": 8, "affinity": 8, "physical_cores": 4, "cgroup_v1": q} for q in
          ([-1, 100000], [100000, 100000], [250000, 100000], [10000, 100000],
           [900000, 100000], [0, 100000])],
        {"os_cpu_count": 8, "affinity": 8, "physical_cores": 4,
         "cgroup_v2": "300000 100000", "cgroup_v1": [100000, 100000]},
        {"os_cpu_count": 8, "affinity": 2, "physical_cores": 4,
         "cgroup_v2": "300000 100000"},
    ]:
        out.append(case("machine/" + json.dumps(m, sort_keys=True), {}, machine=m))
    out.append(case("cgroup-and-env", {}, env={"LOKY_MAX_CPU_COUNT": "5"},
                    machine={"os_cpu_count": 8, "affinity": 8, "physical_cores": 4,
                             "cgroup_v2": "300000 100000"}))
    out.append(case("real-machine/affinity-one-cpu", {"set_affinity": [0],
                                                      "ask": ["logical"]}))
    out.append(case("real-machine/LOKY_MAX_CPU_COUNT=1", {"ask": ["logical", "physical"]},
                    env={"LOKY_MAX_CPU_COUNT": "1"}))
    out.append(case("no-multiprocessing", {}, env={"JOBLIB_MULTIPROCESSING": "0"},
                    machine=MACHINE8))
    return out


PARAM_VALUES = {
    "n_jobs": [2, 3, 4], "verbose": [3, 7, 12], "temp_folder": ["tA", "tB", "tC"],
    "max_nbytes": ["2M", 10, "3K"], "mmap_mode": ["r+", "c", "w+"],
    "prefer": ["threads", "processes", "threads"], "require": ["sharedmem", None, "sharedmem"],
    "backend": ["threading", "multiprocessing", "sequential"],
}


def cases_config_params(values=None):
    out = [case("defaults", {"scopes": [], "parallel": {}}, **M8)]
    for k, (a, b, c) in (values or PARAM_VALUES).items():
        for nm, scopes, par in [
            ("outer", [{k: a}], {}), ("argument", [], {k: c}),
            ("outer+inner", [{k: a}, {k: b}], {}),
            ("outer+argument", [{k: a}], {k: c}),
            ("outer+inner+argument", [{k: a}, {k: b}], {k: c}),
            ("outer+None", [{k: a}, {k: None}], {}),
            ("outer+argument None", [{k: a}], {k: None}),
            ("three scopes", [{k: a}, {}, {k: b}], {}),
        ]:
            if k == "backend" and nm == "outer+None":
                continue
            c = case(f"{k}/{nm}", {"scopes": [cfg(**s) for s in scopes],
                                   "parallel": par}, **M8)
            if k == "verbose" and "None" in nm:
                defect(c, "TypeError: None is not handled", "verbose=0")
            out.append(c)
    for s in ({"n_jobs": 2, "verbose": 5, "max_nbytes": 7}, {"mmap_mode": "c", "n_jobs": 3}):
        out.append(case("merge/" + json.dumps(s, sort_keys=True), {
            "scopes": [cfg(backend="threading", verbose=1, temp_folder="x"), cfg(**s)],
            "parallel": {}}, **M8))
    for k in ("timeout", "pre_dispatch", "batch_size", "return_as"):
        v = {"timeout": 9, "pre_dispatch": "all", "batch_size": 4,
             "return_as": "generator"}[k]
        out.append(case(f"not-in-scopes/{k}/argument", {"scopes": [],
                                                        "parallel": {k: v, "n_jobs": 2}}, **M8))
        out.append(case(f"not-in-scopes/{k}/scope", {"scopes": [cfg(**{k: v})],
                                                     "parallel": {}}, **M8))
        out.append(case(f"not-in-scopes/{k}/scope with backend",
                        {"scopes": [cfg(backend="threading", **{k: v})],
                         "parallel": {}}, **M8))
    return out


def cases_lifecycle():
    two = {"parallel": {"backend": "loky", "n_jobs": 2}}
    three = {"parallel": {"backend": "loky", "n_jobs": 3}}

    def inner(t):
        return {"scopes": [cfg(backend="loky", n_jobs=2, inner_max_num_threads=t)],
                "parallel": {}}

    S = [
        ("same-twice", [two, two]),
        ("grow", [two, three]),
        ("shrink", [three, two]),
        ("back-and-forth", [two, three, two]),
        ("one-then-two", [{"parallel": {"backend": "loky", "n_jobs": 1}}, two]),
        ("other-backend-between", [two, {"parallel": {"backend": "threading", "n_jobs": 2}},
                                   two]),
        ("inner-threads-change", [inner(1), inner(2), inner(2)]),
        ("max_nbytes-change", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                                  "max_nbytes": "2M"}}]),
        ("mmap_mode-change", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                                 "mmap_mode": "c"}}]),
        ("temp_folder-change", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                                   "temp_folder": "."}}]),
        ("verbose-change", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                               "verbose": 0}}]),
        ("verbose-above-50", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                                 "verbose": 60}}]),
        ("prefer-change", [two, {"parallel": {"n_jobs": 2, "prefer": "processes"}}]),
        ("n_jobs-change-keeps-env", [
            {"parallel": {"backend": "loky", "n_jobs": 2}},
            {"parallel": {"backend": "loky", "n_jobs": 4}}]),
        ("idle-timeout-change", [two, {"parallel": {"backend": "loky", "n_jobs": 2,
                                                    "idle_worker_timeout": 100}}]),
        ("idle-workers-leave", [{"parallel": {"backend": "loky", "n_jobs": 2,
                                              "idle_worker_timeout": 1}}, {"wait": 4},
                                {"parallel": {"backend": "loky", "n_jobs": 2,
                                              "idle_worker_timeout": 1}}]),
        ("after-task-error", [two, {"parallel": {"backend": "loky", "n_jobs": 2},
                                    "tasks": [raising("ValueError", "x")]}, two]),
        ("after-worker-death", [two, {"parallel": {"backend": "loky", "n_jobs": 2},
                                      "tasks": [{"op": "signal", "signal": 9}]}, two]),
        ("after-timeout", [two, {"parallel": {"backend": "loky", "n_jobs": 2, "timeout": 0.3},
                                 "tasks": [SLEEP5]}, two]),
    ]
    out = [case(n, {"steps": s}, env={"LOKY_MAX_CPU_COUNT": "8"}, machine=MACHINE8)
           for n, s in S]
    for c in out:
        if c["id"] == "temp_folder-change":
            defect(c, "the executor is kept and goes on using the first temp_folder",
                   "each call's arrays go to its own temp_folder; workers may be kept")
    return out + [
        case("env-thread-limit-unchanged-by-n_jobs", {"steps": [two, three]},
             env={"LOKY_MAX_CPU_COUNT": "1"}, machine=MACHINE8),
        case("env-thread-limit-changed-by-n_jobs",
             {"steps": [two, {"parallel": {"backend": "loky", "n_jobs": 4}}]},
             env={"LOKY_MAX_CPU_COUNT": "8"}, machine=MACHINE8)]


EXPRESSIONS = ["2 * n_jobs", "n_jobs", "1.5*n_jobs", "n_jobs/2", "n_jobs//2", "-n_jobs",
               "n_jobs**2", "2**n_jobs", "n_jobs%3", "(1+2)*(n_jobs-1)", "1e3", "1e7", "0x10",
               "1_000", "- - 3", "+3", "2**-1", "7//0", "n_jobs==2", "max(1,2)", "True",
               "'a'", "None", " 3", "3 ", "3\n", "", "()", "1,2", "n_jobs n_jobs", "999999+1",
               "1000000+1", "10**6", "10**7", "2**2**2", "-2**2", "7 % -3", "-7 // 2", "1.9",
               "-1.9", "1+1+1+1+1+1+1+1+1+1+1+1+1+1+1", "1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"]


def cases_functions(ns=(2, 16), verboses=(1, 2, 3, 5, 8, 9, 10, 11), seed=5):
    out = [case(f"pre_dispatch/n_jobs={n}", {"kind": "pre_dispatch", "n_jobs": n,
                                             "expressions": EXPRESSIONS}) for n in ns]
    out.append(case("memory_size", {"kind": "memory_size", "texts": [
        "1M", "10K", "1.5G", "0K", "-1K", "1e3K", ".5M", "5.M", " 7K", "7 K", "7K ", "1k", "10",
        "K", "", "1KB", "1T", "0.0001K", "1,5M", "0x1K", "infK", "nanM"]}))
    out.append(case("time", {"kind": "time", "seconds": [
        0, 0.04, 0.05, 0.06, 1, 9.96, 59.94, 59.96, 60, 60.01, 61, 90, 119.9, 599, 600, 3600,
        59999, 60001, 600000]}))
    for v in verboses:
        out.append(case(f"verbosity/{v}", {"kind": "verbosity", "verbose": v, "up_to": 200}))
    named = {
        "first": ["next"],
        "doubling": ["next"] + [["current", 0.01], "next"] * 6,
        "just under": [["current", 0.199], "next", ["current", 0.2], "next",
                       ["current", 0.2001], "next"],
        "in between": [["current", 1.0], "next", ["current", 2.0], "next"],
        "too slow at size 1": [["current", 30.0], "next", ["current", 30.0], "next"],
        "too slow": [["current", 0.01], "next", ["current", 0.01], "next", ["current", 0.01],
                     "next", ["current", 2.5], "next", ["current", 2.5], "next"],
        "smoothing": [["current", 1.0], "next", ["current", 0.1], "next", ["current", 0.1],
                      "next", ["current", 0.1]] + ["next", ["current", 0.01]] * 14 + ["next"],
        "other sizes ignored": [["current", 0.01], "next", [1, 0.01], "next", [7, 0.0001],
                                "next", ["current", 0.15], "next"],
        "zero duration": [["current", 0.0], "next", ["current", 0.01], "next"],
        "asked twice": [["current", 0.01], "next", "next", "next", ["current", 0.01], "next"],
        "reset": [["current", 0.01], "next", ["current", 0.01], "next", "reset", "next"],
        "big then slow": [x for _ in range(8) for x in (["current", 0.001], "next")]
        + [["current", 10.0], "next"],
    }
    for k, steps in named.items():
        out.append(case(f"auto_batch/{k}", {"kind": "auto_batch", "steps": steps}))
    out.append(case("auto_batch/upper limit 1 s (dask)", {
        "kind": "auto_batch", "max_ideal": 1.0,
        "steps": [["current", 0.01], "next", ["current", 1.5], "next"]}))
    rng = random.Random(seed)
    for i in range(12):
        steps = []
        for _ in range(30):
            steps.append(["current" if rng.random() < 0.85 else rng.choice([1, 2, 4]),
                          round(10 ** rng.uniform(-3.5, 1), 4)])
            if rng.random() < 0.7:
                steps.append("next")
        out.append(case(f"auto_batch/random {i}", {"kind": "auto_batch", "steps": steps}))
    for n, bs, pd, tasks in [
        (2, 1, "2 * n_jobs", 9), (2, 3, "2 * n_jobs", 20), (2, 3, "all", 20),
        (2, 10, "all", 20), (2, 10, "all", 45), (2, 100, "all", 20), (3, 2, "all", 17),
        (3, 5, "all", 16), (2, 5, 20, 40), (2, 5, "n_jobs", 40), (4, 2, "3*n_jobs", 30),
        (2, 2, 1, 12), (2, 4, 3, 23), (2, 50, "2*n_jobs", 130), (3, "auto", "all", 10),
    ]:
        out.append(case(f"slicing/n_jobs={n},batch_size={bs},pre_dispatch={pd},tasks={tasks}", {
            "kind": "slicing", "n_tasks": tasks,
            "parallel": {"n_jobs": n, "batch_size": bs, "pre_dispatch": pd}}))
    return out


TOPICS = {
    "functions": (run_functions, cases_functions),
    "resolve": (run_resolve, cases_resolve),
    "effective_n_jobs": (run_effective_n_jobs, cases_effective_n_jobs),
    "nesting": (run_nesting, cases_nesting),
    "verbose": (run_verbose, cases_verbose),
    "dispatch": (run_dispatch, cases_dispatch),
    "errors": (run_errors, cases_errors),
    "memmap": (run_memmap, cases_memmap),
    "workers_env": (run_workers_env, cases_workers_env),
    "cpu_count": (run_cpu_count, cases_cpu_count),
    "config_params": (run_config_params, cases_config_params),
    "lifecycle": (run_lifecycle, cases_lifecycle),
}


# --------------------------------------------------------------------------
# The two halves of the runner
# --------------------------------------------------------------------------


def observe(topic, scenario):
    try:
        return json.loads(json.dumps(TOPICS[topic][0](scenario)))
    except BaseException:
        return {"!generator_failed": traceback.format_exc()}


def child_main(request_path, answer_path):
    """Runs inside the fresh process: one case, or one fork per case."""
    with open(request_path) as f:
        request = json.load(f)
    topic = request["topic"]
    answers = {}
    if topic in FORK_TOPICS:
        import joblib  # noqa: F401  (imported once, then forked)

        for c in request["cases"]:
            r, w = os.pipe()
            sys.stdout.flush()
            sys.stderr.flush()
            pid = os.fork()
            if pid == 0:
                os.close(r)
                signal.alarm(60)
                data = json.dumps(observe(topic, c["scenario"])).encode()
                with os.fdopen(w, "wb") as f:
                    f.write(data)
                os._exit(0)
            os.close(w)
            with os.fdopen(r, "rb") as f:
                data = f.read()
            os.waitpid(pid, 0)
            answers[c["id"]] = json.loads(data) if data else {"!generator_failed": "died"}
    else:
        c = request["cases"][0]
        answers[c["id"]] = observe(topic, c["scenario"])
    with open(answer_path, "w") as f:
        json.dump(answers, f)
    sys.stdout.flush()
    if topic in ("errors", "dispatch"):
        os._exit(0)  # tasks that still sleep must not hold the process


def run_group(topic, env, machine, cases):
    with tempfile.TemporaryDirectory() as tmp:
        full = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", "/"),
                "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONPATH": HERE,
                "PYTHONDONTWRITEBYTECODE": "1", "CONFORMANCE_TMP": tmp}
        if machine:
            full[MACHINE_VAR] = json.dumps(machine)
        places = {"<JOBLIB_TEMP_FOLDER>": os.path.join(tmp, "joblib"),
                  "<TMPDIR>": os.path.join(tmp, "tmpdir")}
        for p in places.values():
            os.makedirs(p)
        for k, v in env.items():
            full[k] = places.get(v, v)
        req, ans = os.path.join(tmp, "request"), os.path.join(tmp, "answer")
        with open(req, "w") as f:
            json.dump({"topic": topic, "cases": cases}, f)
        limit = 60 if topic not in FORK_TOPICS else 900
        p = subprocess.Popen(
            [sys.executable, "-c",
             f"import generate; generate.child_main({req!r}, {ans!r})"],
            env=full, cwd=tmp, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        try:
            p.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            pass
        # only what this case started: its own session
        with contextlib.suppress(ProcessLookupError):
            os.killpg(p.pid, signal.SIGTERM)
        if p.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)
            p.wait()
        try:
            with open(ans) as f:
                return json.load(f)
        except (OSError, ValueError):
            return {c["id"]: {"!generator_failed": "no answer"} for c in cases}


def run_topic(topic, cases, jobs=2):
    ids = [c["id"] for c in cases]
    assert len(ids) == len(set(ids)), [i for i in ids if ids.count(i) > 1][:5]
    groups = []
    if topic in FORK_TOPICS:
        by = {}
        for c in cases:
            key = json.dumps([c["env"], c.get("machine")], sort_keys=True)
            by.setdefault(key, []).append(c)
        for g in by.values():
            for i in range(0, len(g), 60):
                groups.append(g[i:i + 60])
    else:
        groups = [[c] for c in cases]
    answers = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for a in pool.map(lambda g: run_group(topic, g[0]["env"], g[0].get("machine"), g),
                          groups):
            answers.update(a)
    return [dict(c, expect=answers[c["id"]]) for c in cases]


def write_table(path, table):
    with open(path, "w") as f:
        f.write("[\n")
        f.write(",\n".join(json.dumps(c, sort_keys=False, ensure_ascii=False)
                           for c in table))
        f.write("\n]\n")


def main(cases_by_topic=None, argv=None):
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", required=True)
    ap.add_argument("--topic", action="append")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--match", help="only run the ids that contain this, and print them")
    a = ap.parse_args(argv)
    os.makedirs(a.out, exist_ok=True)
    for topic in a.topic or TOPICS:
        cases = (cases_by_topic or {}).get(topic) if cases_by_topic is not None \
            else TOPICS[topic][1]()
        if not cases:
            continue
        if a.match:
            for c in run_topic(topic, [c for c in cases if a.match in c["id"]], a.jobs):
                print(json.dumps(c, indent=1))
            continue
        t0 = time.time()
        table = run_topic(topic, cases, a.jobs)
        bad = [c["id"] for c in table if "!generator_failed" in c["expect"]]
        write_table(os.path.join(a.out, topic + ".json"), table)
        print(f"{topic}: {len(table)} cases, {len(bad)} failed to run, "
              f"{time.time() - t0:.0f}s", flush=True)
        for b in bad[:10]:
            print("   ", b)


if __name__ == "__main__":
    main()
