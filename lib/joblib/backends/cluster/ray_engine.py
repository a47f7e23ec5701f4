"""The bridge's Ray half: batches as plain Ray tasks, by Ray's own client."""

import asyncio
import hashlib
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
        self.refs = {}
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

    async def connect(self):
        if self.address == "local":
            # A token of this cluster's own: Ray would leave one in the home
            # folder.
            os.environ.setdefault("RAY_AUTH_MODE", "token")
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        import ray

        self.ray = ray
        self.probe()
        ray.init(
            address=self.address,
            log_to_driver=False,
            logging_level="CRITICAL",
            include_dashboard=False if self.address == "local" else None,
        )
        self.archive = ray.put(self.program.archive)
        text = sidecar.SOURCE
        module = "joblib_sidecar_" + hashlib.sha256(text.encode()).hexdigest()[:16]
        shipped = dict(
            digest=self.program.digest,
            marker=self.program.marker,
            facts=sidecar.facts(),
        )
        client = self.name

        def ray_run(token, archive, payload, task_timeout, values, refs, alive):
            import sys
            import types

            import ray

            remote = sys.modules.get(module)
            if remote is None:
                remote = types.ModuleType(module)
                exec(compile(text, module + ".py", "exec"), remote.__dict__)
                sys.modules[module] = remote
            values = [
                (value, lambda v=value, r=ref: remote.receive(v["key"], ray.get(r)))
                for value, ref in zip(values, refs)
            ]
            return remote.run(
                token,
                client,
                shipped,
                lambda: ray.get(archive[0]),
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
        return int(resources.get("CPU", 0))

    def call(self, options):
        arguments = dict(num_cpus=1, max_retries=3)
        arguments.update(options["submit"])
        return dict(
            options,
            function=self.remote.options(**arguments),
            slots=asyncio.Semaphore(options["n_jobs"]),
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
        # In a list: Ray would fetch a bare reference for every task.
        ref = call["function"].remote(
            token,
            [self.archive],
            payload,
            call["task_timeout"],
            [value for value, _ in values],
            [stored for _, stored in values],
            alive,
        )
        self.refs[ident] = ref
        try:
            return await ref
        except BaseException:
            if ident not in self.refs:
                return sidecar.CANCELLED
            raise
        finally:
            self.refs.pop(ident, None)

    async def cancel(self, idents):
        for ident in idents:
            self.waiting.discard(ident)
            ref = self.refs.pop(ident, None)
            if ref is not None:
                # By force: the worker goes, and with it the program that it
                # keeps. Without, a running task would end when it likes.
                self.ray.cancel(ref, force=True)

    async def close(self):
        self.ray.shutdown()
