"""Beside the program: speaks frames with it and the engine's own Python client
with the cluster. Ends when the program does.

Frames as in sidecar.py; types as in bridge_frames.h. Bodies:
  CONNECT  JSON           -> ANSWER text
  N_JOBS   JSON           -> ANSWER text (a number)
  CALL     JSON           (id: the call's, until END_CALL)
  SUBMIT   call, n_tasks, payload -> RESULT what sidecar.run() returned
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
CONNECT, N_JOBS, CALL, SUBMIT, CANCEL, END_CALL, BYE = range(1, 8)
ANSWER, RESULT, FAILED = 16, 17, 18

ENGINES = {
    "dask": ("joblib_dask", "Engine"),
    "dask-cluster": ("joblib_dask", "LocalCluster"),
    "ray": ("joblib_ray", "Engine"),
}
CLOSE_SECONDS = 8  # It never outlives the program for longer.


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


def kind_of(error):
    """How the program has to throw it."""
    if isinstance(error, ImportError):
        return b"I"
    if type(error).__name__ == "KilledWorker":
        return b"K"
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
        self.open = set()  # Batches without an answer.

    def send(self, kind, ident, *parts):
        length = sum(len(part) for part in parts)
        header = HEADER.pack(MAGIC, kind, 0, VERSION, ident, length)
        if length < 65536:
            self.writer.write(b"".join((header, *parts)))
        else:
            self.writer.write(header)
            for part in parts:
                self.writer.write(part)

    def fail(self, ident, error):
        text = text_of(error, self.pip).encode("utf-8", "replace")
        self.send(FAILED, ident, kind_of(error), text)

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
            self.fail(ident, error)
            await self.writer.drain()
            os._exit(1)
        self.engine = engine
        self.send(ANSWER, ident, text.encode())
        self.start(self.watch())

    async def watch(self):
        await self.engine.watch()
        lost = ConnectionError(
            "The connection to the cluster at %s was lost." % self.engine.address
        )
        for ident in list(self.open):
            self.answer(ident, FAILED, kind_of(lost), str(lost).encode())
        await self.writer.drain()
        os._exit(1)

    async def n_jobs(self, ident, options):
        try:
            n = await self.engine.n_jobs(options["wait_for_workers_timeout"])
            self.send(ANSWER, ident, str(n).encode())
        except BaseException as error:
            self.fail(ident, error)

    def answer(self, ident, kind, *parts):
        if ident in self.open:
            self.open.discard(ident)
            self.send(kind, ident, *parts)

    def begin_call(self, ident, options):
        try:
            self.calls[ident] = self.engine.call(options)
        except BaseException as error:  # Options that the engine refuses.
            self.calls[ident] = error

    async def submit(self, ident, call, n_tasks, payload):
        try:
            if isinstance(call, BaseException):
                raise call
            out = await self.engine.run(ident, call, n_tasks, payload)
            self.answer(ident, RESULT, out)
        except BaseException as error:
            text = text_of(error, self.pip).encode("utf-8", "replace")
            self.answer(ident, FAILED, kind_of(error), text)

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
            call, n_tasks = struct.unpack_from("<QI", body)
            self.open.add(ident)
            self.start(self.submit(ident, self.calls[call], n_tasks, body[12:]))
        elif kind == CANCEL:
            if not self.cancelling:
                self.start(self.cancel_soon())
            self.cancelling += struct.unpack("<%dQ" % (len(body) // 8), body)
        elif kind == CALL:
            self.begin_call(ident, json.loads(body))
        elif kind == END_CALL:
            self.calls.pop(ident, None)
        elif kind == N_JOBS:
            self.start(self.n_jobs(ident, json.loads(body)))
        elif kind == CONNECT:
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
