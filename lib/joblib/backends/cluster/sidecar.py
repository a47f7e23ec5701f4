"""On a worker of the engine: keeps the shipped program running as worker
processes and has them run batches.

Standard library only, and any Python from 3.8 on: it is sent as source text, in
one with sidecar_folder.py, sidecar_frames.py and sidecar_values.py.
A reload (Dask does that when another client brings the same text) keeps STATE.
"""

import collections
import errno
import fcntl
import hashlib
import io
import mmap
import os
import platform
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import weakref

# Frames: magic, type, 0, version, id, length of what follows. Numbers as in
# stream_worker.cc.
HEADER = struct.Struct("<IBBHQQ")
MAGIC = 0x4A4C4231
VERSION = 1
READY, RUN, DONE, FAILED, SHARED, ARRAY, FORGET = range(1, 8)
NESTED, SECEDE, REJOIN, REJOINED = range(8, 12)
SHARED_HEADER = struct.Struct("<QQ")  # Number, bytes.
ARRAY_HEADER = struct.Struct("<QQQBB6x")  # Number, offset, bytes, mode, is a copy.
MODES = {"r": 1, "r+": 2, "c": 3}

# The first byte of what run() returns.
REPLY, ERROR, CRASHED, LATE, CANCELLED = b"R", b"E", b"C", b"T", b"X"
OTHER_FILE = b"N"  # With the number of the value that is not the same here.

START_SECONDS = 60
IDLE_SECONDS = 60
TOMBSTONES = 100000
PAGE = struct.Struct("<Iiq")  # Task + 1, unused, its start in nanoseconds.

try:
    STATE
except NameError:

    class STATE:
        lock = threading.Lock()
        start_lock = threading.Lock()
        programs = {}  # Digest -> Program.
        running = {}  # Token -> Child.
        cancelled = collections.OrderedDict()  # Tokens.
        values = {}  # Key -> Blob.
        receive_lock = threading.Lock()
        received = weakref.WeakValueDictionary()  # Key -> Blob that arrived.
        bundled = {}  # Name -> module.
        served = set()  # Connections of nested calls.
        reaper = None


class Refused(Exception):
    """This machine cannot run the program."""


class ClusterLost(ConnectionError):
    """Its head has gone, and with it all that it knew of us. (The bridge's.)"""

    def __init__(self, address):
        super().__init__(
            "The connection to the cluster at %s was lost: its head was ended, or "
            "cannot be reached any more. The next call connects anew." % address
        )


class ValueLost(ConnectionError):
    """The cluster no longer has what a batch needs. (The bridge's.)"""


def facts():
    """What a program's machine code depends on."""
    return {"machine": platform.machine(), "libc": platform.libc_ver()[1]}


def numbers(version):
    return [int(n) for n in version.split(".") if n.isdigit()]


def check(needed, here):
    """Refuses a machine that cannot run the program."""
    where = "on the cluster's node %s" % platform.node()
    if here["machine"] != needed["machine"]:
        raise Refused(
            "The program is for %s and cannot run %s, which is %s. Use workers "
            "of the program's architecture."
            % (needed["machine"], where, here["machine"])
        )
    if numbers(here["libc"]) < numbers(needed["libc"]):
        raise Refused(
            "The program was started with glibc %s and cannot run %s, which has "
            "glibc %s. Build the program for the older one, or use newer nodes."
            % (needed["libc"], where, here["libc"] or "none")
        )


class Program:
    """A shipped program: a folder with its files, and its idle processes."""

    def __init__(self, digest):
        self.digest = digest
        self.clients = set()
        self.idle = []
        self.folder = None

    def unpack(self, blob):
        if hashlib.sha256(blob).hexdigest() != self.digest:
            raise Refused("The shipped program arrived damaged. Call again.")
        self.folder = OwnFolder()
        with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
            for member in archive.getmembers():
                name = os.path.basename(member.name)
                with open(self.path(name), "wb") as out:
                    shutil.copyfileobj(archive.extractfile(member), out)
                os.chmod(self.path(name), 0o700)

    def path(self, *names):
        return os.path.join(self.folder.path, *names)

    def remove(self):
        for child in self.idle:
            child.kill()
        self.idle = []
        if self.folder is not None:
            self.folder.remove()
            self.folder = None


class Child:
    """The program as a worker process."""

    def __init__(self, program, marker):
        self.idle_since = 0.0
        self.known = {}  # Of a value's number: its key.
        # Of what it runs.
        self.client = None
        self.shipped = None
        self.page_fd = os.memfd_create("joblib-task", os.MFD_CLOEXEC | 2)
        os.ftruncate(self.page_fd, mmap.PAGESIZE)
        # F_ADD_SEALS: neither side can be surprised by a shorter page.
        fcntl.fcntl(self.page_fd, 1033, 0x1 | 0x2 | 0x4)
        self.page = mmap.mmap(self.page_fd, mmap.PAGESIZE)
        ours, theirs = socket.socketpair()
        self.frames = FrameSocket(ours)
        self.descriptors, for_them = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        name, _, value = marker.partition("=")
        value = value.replace("CHANNEL", str(self.page_fd))
        value = value.replace("SOCKET", str(theirs.fileno()))
        value = value.replace("DESCRIPTORS", str(for_them.fileno()))
        environment = dict(os.environ)
        environment[name] = value
        libraries = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = program.path() + (
            ":" + libraries if libraries else ""
        )
        for attempt in range(50):
            try:
                self.process = subprocess.Popen(
                    [program.path("program")],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(self.page_fd, theirs.fileno(), for_them.fileno()),
                    env=environment,
                    start_new_session=True,
                )
                break
            except OSError as error:
                # Another thread forked while the file was open for writing.
                if error.errno != errno.ETXTBSY or attempt == 49:
                    raise
                time.sleep(0.01)
        theirs.close()
        for_them.close()
        if self.frames.receive(time.monotonic() + START_SECONDS) is None:
            self.kill()
            raise Refused(
                "The program does not start as a worker on the cluster's node "
                "%s: it ended with %s. Its static constructors run in each "
                "worker, main() does not; libraries outside of the system's "
                "folders are shipped along, others must be there."
                % (platform.node(), self.how_it_ended())
            )

    def give(self, values, blobs):
        """What the next batch needs; what is not kept here goes."""
        with STATE.lock:
            old = [n for n, key in self.known.items() if key not in STATE.values]
        for (value, _), blob in zip(values, blobs):
            number = value["number"]
            if self.known.get(number, blob.key) != blob.key:
                old.append(number)
        for number in old:
            del self.known[number]
            self.frames.send(FORGET, 0, struct.pack("<Q", number))
        for (value, _), blob in zip(values, blobs):
            number = value["number"]
            if number in self.known:
                continue
            self.known[number] = blob.key
            send_descriptor(self.descriptors, number, blob.fd)
            if not value["mode"]:
                self.frames.send(SHARED, 0, SHARED_HEADER.pack(number, blob.size))
                continue
            filename = value["filename"].encode("utf-8", "surrogateescape")
            is_copy = not value["is_file"]
            header = ARRAY_HEADER.pack(
                number, blob.offset, blob.size, MODES[value["mode"]], is_copy
            )
            self.frames.send(ARRAY, 0, header, struct.pack("<Q", len(filename)), filename)

    def nest(self, address, serve):
        """Calls of its tasks go to `serve`, which gets the other end's socket."""
        ours, theirs = socket.socketpair()
        send_descriptor(self.descriptors, 0, theirs.fileno())
        theirs.close()
        self.frames.send(NESTED, 0, address.encode())
        serve(ours, self)

    def run(self, payload, task_timeout, values, blobs, waits):
        """What the process answered; None: it ended; "late": see LATE."""
        self.page[: PAGE.size] = PAGE.pack(0, 0, 0)
        limit = struct.pack("<q", int(task_timeout * 1e9))
        try:
            self.give(values, blobs)
            self.frames.send(RUN, 1, limit, payload)
        except OSError:
            return None
        while True:
            if task_timeout and not self.readable_in_time(task_timeout):
                return "late"
            answer = self.frames.receive()
            if answer is None or answer[0] in (DONE, FAILED):
                return answer
            waits(answer[0] == SECEDE)
            if answer[0] == REJOIN:
                try:
                    self.frames.send(REJOINED, 0)
                except OSError:
                    return None

    def readable_in_time(self, task_timeout):
        """Waits for the next frame; false: the task is late."""
        while True:
            deadline = time.monotonic() + task_timeout
            task, started = self.task()
            if task >= 0:
                deadline = started / 1e9 + task_timeout
                if time.monotonic() >= deadline:
                    return False
            if self.frames.readable(deadline):
                return True

    def task(self):
        """The task that runs, and since when; -1: none has begun."""
        number, _, started = PAGE.unpack(self.page[: PAGE.size])
        return number - 1, started

    def alive(self):
        return self.process.poll() is None

    def kill_soon(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            pass

    def kill(self):
        self.kill_soon()
        self.process.wait()
        self.frames.close()
        self.descriptors.close()

    def close(self):
        """After kill(), once task() is not asked any more."""
        if self.page is not None:
            self.page.close()
            self.page = None
            os.close(self.page_fd)

    def how_it_ended(self):
        code = self.process.wait()
        if code >= 0:
            return "exit code %d" % code
        try:
            return signal.Signals(-code).name
        except ValueError:
            return "signal %d" % -code


def end_idle():
    """A thread's: ends what was idle for long."""
    while True:
        time.sleep(IDLE_SECONDS / 4)
        old = []
        with STATE.lock:
            limit = time.monotonic() - IDLE_SECONDS
            for program in STATE.programs.values():
                old += [c for c in program.idle if c.idle_since < limit]
                program.idle = [c for c in program.idle if c.idle_since >= limit]
            unused = [k for k, blob in STATE.values.items() if blob.used < limit]
            blobs = [STATE.values.pop(key) for key in unused]
        blobs.clear()
        for child in old:
            child.kill()
            child.close()


def take_child(client, shipped, fetch):
    digest = shipped["digest"]
    with STATE.start_lock:
        with STATE.lock:
            program = STATE.programs.get(digest)
        if program is None:
            check(shipped["facts"], facts())
            program = Program(digest)
            program.unpack(fetch())
            with STATE.lock:
                STATE.programs[digest] = program
                if STATE.reaper is None:
                    STATE.reaper = threading.Thread(target=end_idle, daemon=True)
                    STATE.reaper.start()
    while True:
        with STATE.lock:
            program.clients.add(client)
            child = program.idle.pop() if program.idle else None
        if child is None:
            return program, Child(program, shipped["marker"])
        if child.alive():
            return program, child
        child.kill()  # It died while idle: no task's fault.
        child.close()


def cancel(tokens):
    """Kills what runs; what has yet to start finds its tombstone."""
    with STATE.lock:
        for token in tokens:
            STATE.cancelled[token] = True
            if token in STATE.running:
                STATE.running[token].kill_soon()  # Its runner reaps it.
        while len(STATE.cancelled) > TOMBSTONES:
            STATE.cancelled.popitem(last=False)


def is_cancelled(token):
    with STATE.lock:
        return STATE.cancelled.pop(token, None) is not None


def drop(client):
    """`client` is gone: so is what only it needed."""
    gone = []
    with STATE.lock:
        for digest, program in list(STATE.programs.items()):
            program.clients.discard(client)
            if not program.clients:
                gone.append(STATE.programs.pop(digest))
        keys = [key for key in STATE.values if key.startswith(client)]
        blobs = [STATE.values.pop(key) for key in keys]
    blobs.clear()
    for program in gone:
        program.remove()


def keep(clients):
    """Drops all others: those that were killed could not say goodbye."""
    with STATE.lock:
        known = set()
        for program in STATE.programs.values():
            known |= program.clients
    for client in known - set(clients):
        drop(client)


def crash(kind, child):
    """What the client has to know of a process that ended in a batch."""
    task, _ = child.task()
    code = child.process.wait()
    return kind + struct.pack(
        "<iiqq", max(-code, 0), max(code, 0), task, child.process.pid
    )


def run(token, client, shipped, fetch, payload, task_timeout, values, alive, engine):
    """Runs a batch; never raises for what a task did. `values`: pairs of what the
    bridge says of one, and what gets its Blob. `engine`: None, or where the calls
    of tasks go."""
    if is_cancelled(token):
        return CANCELLED
    try:
        blobs = take_values(values, alive)
        if isinstance(blobs, int):
            return OTHER_FILE + struct.pack("<Q", blobs) + platform.node().encode()
        program, child = take_child(client, shipped, fetch)
    except Refused as error:
        return ERROR + str(error).encode()
    except Exception as error:
        return ERROR + (
            "A worker of the cluster could not start the program: %s: %s"
            % (type(error).__name__, error)
        ).encode()
    with STATE.lock:
        STATE.running[token] = child
    ok = False
    try:
        if is_cancelled(token):
            return CANCELLED
        if engine is not None and child.shipped is None:
            child.nest(engine.address(), engine.serve)
        child.client, child.shipped = client, shipped
        waits = engine and engine.waits
        answer = child.run(payload, task_timeout, values, blobs, waits)
        if answer == "late":
            child.kill()
            return crash(LATE, child)
        if answer is None:
            child.kill()
            return CANCELLED if is_cancelled(token) else crash(CRASHED, child)
        ok = True
        kind, body = answer
        return (REPLY if kind == DONE else ERROR) + bytes(body)
    finally:
        with STATE.lock:
            STATE.running.pop(token, None)
            # Its client may have gone meanwhile.
            keep = ok and STATE.programs.get(program.digest) is program
            if keep:
                child.idle_since = time.monotonic()
                program.idle.append(child)
        if not keep:
            child.kill()  # Also after KeyboardInterrupt, Ray's cancel.
            child.close()
