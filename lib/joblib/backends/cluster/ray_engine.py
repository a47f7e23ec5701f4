"""The bridge's Ray half: batches as plain Ray tasks, by Ray's own client."""

import asyncio
import collections
import hashlib
import math
import os
import pickle
import secrets
import socket
import threading
import time
import uuid

import joblib_sidecar as sidecar

PIP = "python -m pip install ray"
PROBES, PROBE_SECONDS = 2, 0.25  # So many that fail in a row: the head has gone.
AHEAD = 64  # So many batches are given to Ray before it has a place for them.
GRACE_SECONDS = 0.1
FORCE_SECONDS = 5


class Outgoing:
    """Bytes that Ray stores as they are, and gives as a view of its store."""

    def __init__(self, view):
        self.view = view

    def __reduce_ex__(self, protocol):
        return memoryview, (pickle.PickleBuffer(self.view),)


class Engine:
    """One connection to a Ray cluster."""

    def __init__(self, config, program):
        self.config = config
        self.program = program
        self.address = config["address"]
        self.timeout = config["timeout"]
        self.name = "joblib-" + uuid.uuid4().hex
        self.folder = None
        self.cpus = 0
        self.under_way = {}  # In the order in which Ray got them.
        self.waiting = set()  # For one of the call's slots.

    def probe(self):
        """Ray's own connect would try for a minute, and then end the process."""
        host, _, port = self.address.rpartition(":")
        if host.startswith("ray://") or not port.isdigit():
            return
        try:
            socket.create_connection((host, int(port)), self.timeout).close()
        except OSError as error:
            raise ConnectionError(
                "There is no Ray cluster at %s: no answer within %g seconds (%s)."
                " Start one, or leave RAY_ADDRESS unset to have one here."
                % (self.address, self.timeout, type(error).__name__)
            ) from None

    def own_cluster(self):
        """What Ray's start needs, for a cluster that lasts as long as this process
        and leaves nothing."""
        # A token of its own: Ray would leave one in the home folder.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        self.folder = sidecar.OwnFolder()
        # The names of sockets in there may have 107 bytes: by a short one.
        descriptor = os.open(self.folder.path, os.O_RDONLY)
        return dict(
            include_dashboard=False,
            _temp_dir="/proc/%d/fd/%d" % (os.getpid(), descriptor),
        )

    async def reach(self, start):
        """A thread's, as Ray itself knows no limit."""

        def connect():
            self.probe()
            self.ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level="CRITICAL",
                **start
            )

        connected = asyncio.get_running_loop().run_in_executor(None, connect)
        # Its own cluster takes what it takes; the probe has its own words.
        limit = None if start else self.timeout + 1
        try:
            await asyncio.wait_for(connected, limit)
        except (asyncio.TimeoutError, self.ray.exceptions.RayError) as error:
            raise ConnectionError(
                "The Ray cluster at %s does not let this program in within %g "
                "seconds (%s). Is this the address of its head, and are "
                "RAY_AUTH_MODE and RAY_AUTH_TOKEN as there?"
                % (self.address, self.timeout, type(error).__name__)
            ) from None

    async def connect(self):
        start = self.own_cluster() if self.address == "local" else {}
        import ray

        self.ray = ray
        await self.reach(start)
        self.archive = ray.put(self.program.archive)
        # As bytes: Ray would look after it with every task that has it.
        archive = ray.cloudpickle.dumps(self.archive)
        text = sidecar.SOURCE
        module = "joblib_sidecar_" + hashlib.sha256(text.encode()).hexdigest()[:16]
        shipped = dict(
            digest=self.program.digest,
            marker=self.program.marker,
            facts=sidecar.facts(),
        )
        client = self.name

        def ray_run(batch, refs=()):
            import pickle
            import sys
            import types

            import ray

            remote = sys.modules.get(module)
            if remote is None:
                remote = types.ModuleType(module)
                exec(compile(text, module + ".py", "exec"), remote.__dict__)
                sys.modules[module] = remote
            token, payload, task_timeout, values, alive = pickle.loads(batch)
            values = [
                (value, lambda v=value, r=ref: remote.receive(v["key"], ray.get(r)))
                for value, ref in zip(values, refs)
            ]
            return remote.run(
                token,
                client,
                shipped,
                lambda: ray.get(ray.cloudpickle.loads(archive)),
                payload,
                task_timeout,
                values,
                alive,
                None,
            )

        self.remote = ray.remote(ray_run)
        self.address = ray.get_runtime_context().gcs_address

    async def watch(self):
        await asyncio.get_running_loop().run_in_executor(None, self.await_loss)

    def await_loss(self):
        """A thread's: Ray itself waits for a head that has gone, a minute long and
        also in calls that block the loop, and then ends this process."""
        host, _, port = self.address.rpartition(":")
        failures = 0
        while failures < PROBES:
            time.sleep(PROBE_SECONDS)
            try:
                socket.create_connection((host, int(port)), PROBES).close()
                failures = 0
            except ConnectionRefusedError:
                break  # Its machine says so.
            except OSError:
                failures += 1
        threading.Thread(
            target=lambda: (time.sleep(PROBES), os._exit(1)), daemon=True
        ).start()

    async def n_jobs(self, seconds):
        resources = await asyncio.get_running_loop().run_in_executor(
            None, self.ray.cluster_resources
        )
        self.cpus = int(resources.get("CPU", 0))
        return self.cpus

    def call(self, options):
        arguments = dict(num_cpus=1, max_retries=3)
        arguments.update(options["submit"])
        n_jobs = options["n_jobs"]
        # A call that has all of the cluster gets the nodes that join, too.
        at_ray = n_jobs if n_jobs < self.cpus else max(AHEAD, n_jobs)
        cpus = arguments["num_cpus"]
        return dict(
            options,
            function=self.remote.options(**arguments),
            slots=asyncio.Semaphore(at_ray),
            at_once=self.cpus / cpus if cpus else math.inf,
        )

    async def put(self, value, fd):
        """Into the object store of this node; the others get it from there."""
        blob = sidecar.Blob(value["key"], os.dup(fd), value["offset"], value["bytes"])
        return self.ray.put(Outgoing(blob.view()))

    async def run(self, ident, call, n_tasks, payload, values, alive):
        token = uuid.uuid4().hex
        self.waiting.add(ident)
        async with call["slots"]:
            if ident not in self.waiting:
                return sidecar.CANCELLED
            self.waiting.discard(ident)
            return await self.run_now(token, ident, call, payload, values, alive)

    async def run_now(self, token, ident, call, payload, values, alive):
        batch = (
            token,
            payload,
            call["task_timeout"],
            [value for value, _ in values],
            alive,
        )
        arguments = [pickle.dumps(batch)]
        if values:  # A list: Ray would fetch a bare reference for every task.
            arguments.append([stored for _, stored in values])
        ref = call["function"].remote(*arguments)
        ended = asyncio.ensure_future(ref)
        self.under_way[ident] = (ref, ended, call)
        try:
            return await ended
        except BaseException:
            if ident not in self.under_way:
                return sidecar.CANCELLED
            raise
        finally:
            self.under_way.pop(ident, None)

    def take(self, idents):
        """Those of the batches that may run, and those that surely wait: Ray begins
        a call's in their order."""
        wanted = set(idents)
        run, wait, before = [], [], collections.Counter()
        for ident, (ref, ended, call) in list(self.under_way.items()):
            before[id(call)] += 1
            if ident in wanted:
                del self.under_way[ident]
                runs = before[id(call)] <= call["at_once"]
                (run if runs else wait).append((ref, ended))
        return run, wait

    async def cancel(self, idents):
        self.waiting.difference_update(idents)
        run, wait = self.take(idents)
        for ref, _ in reversed(wait):  # The next one to begin goes last.
            self.ray.cancel(ref)
        # Ray's client ends its process if a task ends while it cancels it: those
        # that are about to may do so first. The sidecar ends what runs at an
        # interrupt, and the worker stays; one that does not hear goes by force.
        under_way = {ended: ref for ref, ended in run}
        for seconds, by_force in ((GRACE_SECONDS, False), (FORCE_SECONDS, True)):
            if not under_way:
                return
            _, left = await asyncio.wait(under_way, timeout=seconds)
            under_way = {ended: under_way[ended] for ended in left}
            for ref in under_way.values():
                self.ray.cancel(ref, force=by_force)

    async def close(self):
        self.ray.shutdown()
        if self.folder is not None:
            self.folder.remove()
