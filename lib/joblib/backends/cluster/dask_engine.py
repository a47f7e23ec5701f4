"""The bridge's Dask half: batches as Dask tasks, by Dask's own client."""

import asyncio
import concurrent.futures
import hashlib
import itertools
import logging
import os
import sys
import tempfile
import time
import types
import uuid
import warnings

import joblib_sidecar as sidecar

PIP = "python -m pip install 'dask[distributed]'"
# Results are fetched together: that part of what is under way, or what came in
# that time.
FETCHED_PART, FETCH_SECONDS = 1 / 8, 0.03


def no_worker(seconds):
    if not seconds:
        return "DaskDistributedBackend has no active worker."
    return (
        "DaskDistributedBackend has no worker after %g seconds. Make sure that "
        "workers are started and can properly connect to the scheduler and "
        "increase the joblib/dask connection timeout with:\n\n"
        "parallel_config({.backend = \"dask\", .backend_params = "
        "{{\"wait_for_workers_timeout\", %g}}})" % (seconds, max(10, 2 * seconds))
    )


class Results:
    """What tasks returned, fetched together: each request costs the scheduler and
    the workers as much as a task."""

    def __init__(self):
        self.finished = []  # (Dask's future, that of what it returned)
        self.timer = None

    async def of(self, future, under_way):
        await future.exception()  # Waits for its end, however it ends.
        if future.status != "finished":
            return await future
        loop = asyncio.get_running_loop()
        fetched = loop.create_future()
        if not self.finished:
            self.timer = loop.call_later(FETCH_SECONDS, self.fetch)
        self.finished.append((future, fetched))
        if len(self.finished) >= len(under_way) * FETCHED_PART:
            self.fetch()
        result = await fetched
        return await future if result is None else result

    def fetch(self):
        self.timer.cancel()
        finished, self.finished = self.finished, []
        asyncio.ensure_future(self.gather(finished))

    @staticmethod
    async def gather(finished):
        results = [None] * len(finished)  # Each asks for itself where one fails.
        try:
            futures = [future for future, _ in finished]
            results = await futures[0].client.gather(futures)
        except (Exception, asyncio.CancelledError):
            pass
        for (_, fetched), result in zip(finished, results):
            if not fetched.done():
                fetched.set_result(result)


class Engine:
    """One connection to a Dask scheduler."""

    def __init__(self, config, program):
        self.config = config
        self.program = program
        self.address = config["address"]
        self.timeout = config["timeout"]
        self.name = "joblib-" + uuid.uuid4().hex
        self.futures = {}
        self.unsent = []  # The arguments of send_soon().
        self.results = Results()

    async def connect(self):
        from distributed import Client
        from distributed.diagnostics.plugin import (
            SchedulerUploadFile,
            UploadFile,
        )

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module="distributed")
        try:
            # wait_for: a peer that accepts and says nothing defeats the
            # client's own limit.
            self.client = await asyncio.wait_for(
                Client(
                    self.address,
                    asynchronous=True,
                    timeout=self.timeout,
                    set_as_default=False,
                    name=self.name,
                ),
                self.timeout + 1,
            )
        except (OSError, asyncio.TimeoutError, TimeoutError) as error:
            raise ConnectionError(
                "There is no Dask scheduler at %s: no answer within %g seconds "
                "(%s). Start one, or give its address as scheduler_host: with "
                "tls:// before it where it requires TLS."
                % (self.address, self.timeout, type(error).__name__)
            ) from None
        self.connection = self.client.scheduler_comm
        # With what the calls of tasks need on the workers.
        text = "%s\nBUNDLE = %r\n" % (
            sidecar.SOURCE,
            {name: sys.modules[name].SOURCE for name in ("joblib_dask", "joblib_bridge")},
        )
        module = "joblib_sidecar_" + hashlib.sha256(text.encode()).hexdigest()[:16]
        # What tasks refer to: under a name that no other version has.
        self.remote = types.ModuleType(module)
        sys.modules[module] = self.remote
        exec(compile(text, module + ".py", "exec"), self.remote.__dict__)
        self.shipped = dict(
            depth=0,
            digest=self.program.digest,
            marker=self.program.marker,
            facts=sidecar.facts(),
            file="%s-%s.tar" % (self.name, self.program.digest[:16]),
        )
        self.plugins = []
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, module + ".py")
            with open(source, "w", encoding="utf-8") as out:
                out.write(text)
            archive = os.path.join(folder, self.shipped["file"])
            with open(archive, "wb") as out:
                out.write(self.program.archive)
            # The scheduler unpickles task graphs: it needs the module, too.
            # Names of this client: they are taken away when it leaves.
            await self.plug(SchedulerUploadFile(source, load=True), "scheduler")
            await self.plug(UploadFile(source, load=True), "sidecar")
            await self.plug(UploadFile(archive, load=False), "program")
        await self.sweep()

    async def plug(self, plugin, what):
        name = "%s-%s" % (self.name, what)
        await self.client.register_plugin(plugin, name=name)
        self.plugins.append((name, what == "scheduler"))

    async def sweep(self):
        """Removes what clients of ours that were killed have left."""
        clients, on_workers, on_scheduler = await self.client.run_on_scheduler(
            self.remote.dask_survey
        )
        # A client's id: "Client-", its name, and a number.
        size = len(self.name)
        alive = {
            client[client.index("joblib-") :][:size]
            for client in clients
            if "joblib-" in client
        }
        if self.name not in alive:
            return  # Another Dask names its clients otherwise.
        await self.client.run(self.remote.keep, list(alive))
        for name in on_workers:
            if name.startswith("joblib-") and name[:size] not in alive:
                await self.client.unregister_worker_plugin(name)
        for name in on_scheduler:
            if name.startswith("joblib-") and name[:size] not in alive:
                await self.client.unregister_scheduler_plugin(name)

    def is_lost(self):
        """Whether the scheduler has gone. The client may have found a new one
        there already, which does not know the program."""
        return self.client.scheduler_comm is not self.connection

    async def watch(self):
        while not self.is_lost():
            await asyncio.sleep(0.5)

    async def threads(self):
        ncores = await self.client.scheduler.ncores()
        return sum(ncores.values())

    async def n_jobs(self, seconds):
        n = await self.threads()
        if n == 0 and seconds:
            # May make an adaptive cluster start workers.
            probe = self.client.submit(time.time, pure=False)
            try:
                await asyncio.wait_for(probe, seconds)
            except (asyncio.TimeoutError, TimeoutError):
                probe.release()
                raise TimeoutError(no_worker(seconds)) from None
            n = await self.threads()
        if n == 0:
            raise TimeoutError(no_worker(seconds))
        return n

    def call(self, options):
        return options

    def owner(self):
        """The client whose program it is that runs."""
        return self.name

    async def put(self, value, fd):
        """Into the memory of the workers; the others get it when they need it."""
        blob = self.remote.Blob(
            value["key"], os.dup(fd), value["offset"], value["bytes"]
        )
        (future,) = await self.client.scatter([blob], hash=False, broadcast=True)
        return future

    def send_soon(self, *batch):
        """What comes together goes as one graph: each costs the scheduler as much
        as several tasks."""
        if not self.unsent:
            asyncio.get_running_loop().call_soon(self.send)
        self.unsent.append(batch)

    def send(self):
        batches, self.unsent = self.unsent, []
        for _, group in itertools.groupby(batches, key=lambda batch: id(batch[1])):
            idents, (call, *_), tokens, sent, *arguments = zip(*group)
            try:
                futures = self.client.map(
                    self.remote.dask_run,
                    tokens,
                    *arguments,
                    key=list(tokens),
                    pure=False,
                    client=self.owner(),
                    shipped=self.shipped,
                    task_timeout=call["task_timeout"],
                    **call["submit"]
                )
            except Exception as error:  # Options that Dask refuses.
                for one in sent:
                    one.set_exception(error)
                continue
            self.futures.update(zip(idents, futures))
            for one, future in zip(sent, futures):
                one.set_result(future)

    async def run(self, ident, call, n_tasks, payload, values, alive):
        token = "batch_of_%s_%d_calls-%s" % (
            self.config["program"],
            n_tasks,
            uuid.uuid4().hex,
        )
        sent = asyncio.get_running_loop().create_future()
        self.send_soon(
            ident,
            call,
            token,
            sent,
            payload,
            [value for value, _ in values],
            [stored for _, stored in values],
            alive,
        )
        future = await sent
        try:
            return await self.results.of(future, self.futures)
        except (asyncio.CancelledError, concurrent.futures.CancelledError) as error:
            if ident not in self.futures:
                return sidecar.CANCELLED
            if self.is_lost():
                raise sidecar.ClusterLost(self.address) from None
            raise sidecar.ValueLost(
                "The Dask cluster at %s has lost what the tasks share (%s)."
                % (self.address, error)
            ) from None
        finally:
            self.futures.pop(ident, None)
            future.release()

    async def cancel(self, idents):
        self.send()  # To be found.
        found = [self.futures.pop(i) for i in idents if i in self.futures]
        if not found:
            return
        # Tombstones first: a queued task could start between the two.
        await self.client.run(self.remote.cancel, [f.key for f in found])
        await self.client.cancel(found, force=True)

    async def close(self):
        await self.client.run(self.remote.drop, self.name)
        for name, is_scheduler in self.plugins:
            if is_scheduler:
                await self.client.unregister_scheduler_plugin(name)
            else:
                await self.client.unregister_worker_plugin(name)
        await self.client.close(2)


class NestedEngine(Engine):
    """In a worker of Dask: for the calls of tasks, which `child` runs."""

    client = connection = None  # For all of the worker, while a child needs it.
    users = 0
    lock = asyncio.Lock()

    def __init__(self, child, worker, remote):
        self.child = child
        self.worker = worker
        self.remote = remote
        self.address = worker.scheduler.address
        self.name = "%s.%s" % (child.client, uuid.uuid4().hex)
        self.config = dict(program="task")
        self.futures = {}
        self.unsent = []
        self.results = Results()
        self.is_user = False

    async def connect(self):
        from distributed import Client

        kind = NestedEngine
        async with kind.lock:
            if self.is_user:
                return
            if kind.client is None:
                kind.client = await Client(
                    self.address,
                    asynchronous=True,
                    security=self.worker.security,
                    set_as_default=False,
                    name="nested",
                )
                kind.connection = kind.client.scheduler_comm
            kind.users += 1
            self.is_user = True

    def owner(self):
        return self.child.client

    @property
    def shipped(self):
        return dict(self.child.shipped, depth=self.child.shipped["depth"] + 1)

    def call(self, options):
        # Before the tasks that wait to begin: each that does is one more process.
        options["submit"].setdefault("priority", self.shipped["depth"])
        return options

    async def n_jobs(self, seconds):
        await self.connect()
        return await super().n_jobs(seconds)

    async def close(self):
        kind = NestedEngine
        async with kind.lock:
            kind.users -= self.is_user
            self.is_user = False
            if kind.users == 0 and kind.client is not None:
                client, kind.client = kind.client, None
                await client.close(2)


def serve_nested(connection, child, worker, remote):
    """A coroutine for the worker's loop: speaks with the program that runs in
    `child` as a bridge does with the one beside it."""
    bridge_module = remote.bundled("joblib_bridge")

    async def serve():
        connection.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 22)
        bridge = bridge_module.Bridge(reader, writer)
        bridge.program = child.process.pid
        bridge.engine = NestedEngine(child, worker, remote)
        await bridge.serve()
        await bridge.close()
        writer.close()

    return serve()


class LocalCluster:
    """Not a connection, but a scheduler and its workers beside the program."""

    def __init__(self, config):
        self.options = dict(dashboard_address=None)
        self.options.update(config["cluster"])

    async def connect(self):
        from distributed import LocalCluster as Cluster

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self.folder = sidecar.OwnFolder()
        self.cluster = await Cluster(
            asynchronous=True,
            silence_logs=logging.CRITICAL,
            local_directory=self.folder.path,
            **self.options
        )

    def described(self):
        link = self.cluster.dashboard_link
        if self.options["dashboard_address"] is None:
            link = ""
        return "%s\n%s" % (self.cluster.scheduler_address, link)

    async def watch(self):
        await asyncio.Event().wait()

    async def close(self):
        try:
            await self.cluster.close()
        finally:
            self.folder.remove()
