"""Beside the program: speaks frames with it and the engine's own Python client
with the cluster. Ends when the program does.

Frames as in sidecar.py; types as in frames.h. Bodies:
  CONNECT  JSON           -> ANSWER text
  N_JOBS   JSON           -> ANSWER text (a number)
  CALL     JSON           (id: the call's, until END_CALL)
  SHARE    JSON           -> ANSWER, once it is open
  FORGET   numbers
  SUBMIT   call, n_tasks, n, n numbers of SHARE, payload
                          -> RESULT what sidecar.run() returned
  CANCEL   ids            -> each is answered (RESULT)
Instead of any answer: FAILED kind, text.
"""

import asyncio
import hashlib
import importlib
import io
import json
import os
import select
import socket
import struct
import sys
import tarfile
import threading
import time

import joblib_sidecar as sidecar

HEADER, MAGIC, VERSION = sidecar.HEADER, sidecar.MAGIC, sidecar.VERSION
CONNECT, N_JOBS, CALL, SUBMIT, CANCEL, END_CALL, BYE, SHARE, FORGET = range(1, 10)
ANSWER, RESULT, FAILED = 16, 17, 18

ENGINES = {
    "dask": ("joblib_dask", "Engine"),
    "dask-cluster": ("joblib_dask", "LocalCluster"),
    "ray": ("joblib_ray", "Engine"),
}
CLOSE_SECONDS = 8  # It never outlives the program for longer.
LOSSES = 4  # So often a batch runs again when the cluster lost what it needs.


class Program:
    """What is shipped: one archive, named by its content."""

    def __init__(self, files, marker):
        self.marker = marker
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, path in files:
                with open(path, "rb") as stream:
                    data = stream.read()
                # No times and owners: the same content is the same archive.
                member = tarfile.TarInfo(name or "program")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        self.archive = out.getvalue()
        self.digest = hashlib.sha256(self.archive).hexdigest()


class Shared:
    """A value that many batches need: where the program has it, and what the
    engine's store made of it. A file is put there only where the cluster's nodes
    do not have the same one."""

    def __init__(self, described, client, program):
        self.value = dict(described, key="%s-%d-0" % (client, described["number"]))
        self.mode = described["mode"]
        self.is_file = described["is_file"]
        self.versions = 0
        self.stored = None  # A future.
        self.error = None
        try:
            self.fd = os.open(
                "/proc/%d/fd/%d" % (program, described["descriptor"]), os.O_RDONLY
            )
        except OSError as error:
            self.fd = -1
            self.error = error
            return
        if self.is_file:
            self.value["facts"] = sidecar.file_facts(self.fd, self.mode)
            # The program may have named it from its own folder.
            self.value["path"] = os.readlink("/proc/self/fd/%d" % self.fd)

    def goes_by_name(self):
        return "facts" in self.value

    def put_by_value(self):
        """From now on: the nodes have another file of this name."""
        del self.value["facts"]
        self.value["is_file"] = False

    def lose(self):
        self.stored = None

    async def described(self, engine):
        """What a batch gets of it: facts, and what the engine's store returned."""
        if self.error is not None:
            raise ConnectionError(
                "What the tasks share could not be opened by the process that "
                "connects with the cluster (%s). Pass it by value: "
                "max_nbytes=none, and no joblib::Shared." % self.error
            )
        if self.goes_by_name():
            return self.value, None
        time = os.fstat(self.fd).st_mtime_ns if self.is_file else 0
        if self.stored is None or self.time != time:
            self.time = time
            self.versions += 1
            key = self.value["key"].rsplit("-", 1)[0]
            self.value = dict(self.value, key="%s-%d" % (key, self.versions))
            self.stored = asyncio.ensure_future(engine.put(self.value, self.fd))
        value, stored = self.value, self.stored
        try:
            return value, await asyncio.shield(stored)
        except BaseException:
            if self.stored is stored:
                self.lose()
            raise

    def close(self):
        if self.stored is not None:
            self.stored.cancel()
            self.stored = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def kind_of(error):
    """How the program has to throw it."""
    if isinstance(error, ImportError):
        return b"I"
    if type(error).__name__ == "KilledWorker":
        return b"K"
    if isinstance(error, sidecar.ClusterLost):
        return b"G"
    if isinstance(error, (ConnectionError, OSError)) and not isinstance(
        error, TimeoutError
    ):
        return b"L"
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return b"T"
    if isinstance(error, (ValueError, TypeError)):
        return b"V"
    return b"E"


def text_of(error, pip):
    if isinstance(error, ImportError):
        return "%s has no package for this backend (%s). Install it with:\n\n    %s" % (
            sys.executable,
            error,
            pip,
        )
    text = str(error)
    known = (ConnectionError, TimeoutError, ValueError)
    return text if text and isinstance(error, known) else "%s: %s" % (
        type(error).__name__,
        text,
    )


class Bridge:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.engine = None
        self.pip = ""
        self.calls = {}
        self.jobs = set()
        self.cancelling = []
        self.open = set()  # Batches and questions without an answer.
        self.doomed = set()  # Those of them that are being cancelled.
        self.shared = {}  # Number -> Shared.
        self.program = os.getppid()

    def send(self, kind, ident, *parts):
        length = sum(len(part) for part in parts)
        header = HEADER.pack(MAGIC, kind, 0, VERSION, ident, length)
        if length < sidecar.SMALL_BYTES:
            self.writer.write(b"".join((header, *parts)))
        else:
            self.writer.write(header)
            for part in parts:
                self.writer.write(part)

    def start(self, coroutine):
        job = asyncio.ensure_future(coroutine)
        self.jobs.add(job)
        job.add_done_callback(self.jobs.discard)

    async def connect(self, ident, config):
        try:
            module, name = ENGINES[config["engine"]]
            module = importlib.import_module(module)
            self.pip = module.PIP.replace("python", sys.executable, 1)
            if "files" in config:
                program = Program(config["files"], config["marker"])
                engine = getattr(module, name)(config, program)
                await engine.connect()
                text = ""
            else:
                engine = getattr(module, name)(config)
                await engine.connect()
                text = engine.described()
        except BaseException as error:
            self.refuse(ident, error)
            await self.writer.drain()
            os._exit(1)
        self.engine = engine
        self.answer(ident, ANSWER, text.encode())
        self.start(self.watch())

    async def watch(self):
        await self.engine.watch()
        lost = sidecar.ClusterLost(self.engine.address)
        for ident in list(self.open):
            self.refuse(ident, lost)
        await self.writer.drain()
        os._exit(1)

    async def n_jobs(self, ident, options):
        try:
            n = await self.engine.n_jobs(options["wait_for_workers_timeout"])
            self.answer(ident, ANSWER, str(n).encode())
        except BaseException as error:
            self.refuse(ident, error)

    def answer(self, ident, kind, *parts):
        if ident in self.open:
            self.open.discard(ident)
            self.doomed.discard(ident)
            self.send(kind, ident, *parts)

    def refuse(self, ident, error):
        text = text_of(error, self.pip).encode("utf-8", "replace")
        self.answer(ident, FAILED, kind_of(error), text)

    def begin_call(self, ident, options):
        try:
            self.calls[ident] = self.engine.call(options)
        except BaseException as error:  # Options that the engine refuses.
            self.calls[ident] = error

    async def run(self, ident, call, n_tasks, shared, payload):
        losses = 0
        while True:
            values = [await one.described(self.engine) for one in shared]
            if ident in self.doomed or ident not in self.open:
                return sidecar.CANCELLED
            alive = (max(self.shared), list(self.shared)) if shared else None
            try:
                out = await self.engine.run(
                    ident, call, n_tasks, payload, values, alive
                )
            except sidecar.ValueLost:
                losses += 1
                if losses == LOSSES or not shared:
                    raise
                for one, (value, _) in zip(shared, values):
                    if one.value is value:  # Nobody has done it already.
                        one.lose()
                continue
            if out[:1] != sidecar.OTHER_FILE:
                return out
            (number,) = struct.unpack("<Q", out[1:9])
            self.other_file(self.shared[number], out[9:].decode())

    def other_file(self, shared, node):
        if not shared.goes_by_name():
            return  # Another batch has met it before.
        if shared.mode == "r+":
            raise ValueError(
                "The tasks would write to the file %s, which is not this very one "
                "on the cluster's node %s. Use a folder that all nodes share, or "
                "return the results." % (shared.value["path"], node)
            )
        shared.put_by_value()

    async def submit(self, ident, call, n_tasks, shared, payload):
        try:
            if isinstance(call, BaseException):
                raise call
            out = await self.run(ident, call, n_tasks, shared, payload)
            self.answer(ident, RESULT, out)
        except BaseException as error:
            self.refuse(ident, error)

    async def cancel_soon(self):
        await asyncio.sleep(0.002)  # What comes together goes together.
        idents, self.cancelling = self.cancelling, []
        try:
            await asyncio.wait_for(self.engine.cancel(idents), CLOSE_SECONDS)
        except BaseException:
            pass  # The engine is on its way out: the answer is the same.
        for ident in idents:
            self.answer(ident, RESULT, sidecar.CANCELLED)

    def handle(self, kind, ident, body):
        if kind == SUBMIT:
            call, n_tasks, n = struct.unpack_from("<QII", body)
            shared = [self.shared[i] for i in struct.unpack_from("<%dQ" % n, body, 16)]
            payload = body[16 + 8 * n :]
            self.open.add(ident)
            self.start(self.submit(ident, self.calls[call], n_tasks, shared, payload))
        elif kind == CANCEL:
            if not self.cancelling:
                self.start(self.cancel_soon())
            idents = struct.unpack("<%dQ" % (len(body) // 8), body)
            self.doomed.update(self.open.intersection(idents))
            self.cancelling += idents
        elif kind == SHARE:
            described = json.loads(body.decode("utf-8", "surrogateescape"))
            self.shared[described["number"]] = Shared(
                described, self.engine.name, self.program
            )
            self.send(ANSWER, ident)
        elif kind == FORGET:
            for number in struct.unpack("<%dQ" % (len(body) // 8), body):
                self.shared.pop(number).close()
        elif kind == CALL:
            self.begin_call(ident, json.loads(body))
        elif kind == END_CALL:
            self.calls.pop(ident, None)
        elif kind == N_JOBS:
            self.open.add(ident)
            self.start(self.n_jobs(ident, json.loads(body)))
        elif kind == CONNECT:
            self.open.add(ident)
            self.start(self.connect(ident, json.loads(body)))

    async def serve(self):
        try:
            while True:
                header = await self.reader.readexactly(HEADER.size)
                magic, kind, _, version, ident, length = HEADER.unpack(header)
                if magic != MAGIC or version != VERSION or kind == BYE:
                    break
                body = await self.reader.readexactly(length) if length else b""
                self.handle(kind, ident, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass

    async def close(self):
        """The program has gone, or wants no more."""
        if self.engine is None:
            return
        self.doomed |= self.open  # Some have yet to reach the engine.
        try:
            if self.open:
                await self.engine.cancel(list(self.open))
            await self.engine.close()
        except BaseException:
            pass  # A cluster that is gone needs no cleaning.


def end_later(seconds):
    threading.Thread(
        target=lambda: (time.sleep(seconds), os._exit(1)), daemon=True
    ).start()


def watch_program(connection):
    """A thread's: an engine's connect can block the loop for minutes."""
    poll = select.poll()
    poll.register(connection, select.POLLRDHUP | select.POLLHUP)
    poll.poll()
    end_later(CLOSE_SECONDS)


async def serve(connection):
    reader, writer = await asyncio.open_connection(sock=connection, limit=1 << 22)
    bridge = Bridge(reader, writer)
    await bridge.serve()
    end_later(CLOSE_SECONDS)
    await bridge.close()
    os._exit(0)


def main(connection):
    threading.Thread(
        target=watch_program, args=(connection.dup(),), daemon=True
    ).start()
    connection.setblocking(False)
    asyncio.run(serve(connection))
