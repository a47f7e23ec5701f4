# A part of sidecar.py: what many batches have in common, and what is Dask's own.

import asyncio
import fcntl
import hashlib
import mmap
import os
import pickle
import select
import socket
import struct
import sys
import threading
import time
import types

F_GET_SEALS = 1034
WRITE_SEALS = 0x1 | 0x2 | 0x4 | 0x8
SAMPLES, SAMPLE_BYTES = 64, 4096


def sample_of(fd, size):
    """A digest of parts of a file, its begin and its end among them."""
    digest = hashlib.sha256()
    last = max(0, size - SAMPLE_BYTES)
    for i in range(SAMPLES):
        digest.update(os.pread(fd, SAMPLE_BYTES, last * i // (SAMPLES - 1)))
    return digest.hexdigest()


def file_facts(fd, mode):
    """By which the same file is known on another node: where tasks write to it
    it has to be this very one; else it is told by its time and its content."""
    info = os.fstat(fd)
    if mode == "r+":
        return [info.st_size, info.st_ino]
    return [info.st_size, info.st_mtime_ns, sample_of(fd, info.st_size)]


class Blob:
    """Bytes that are one file without a name on this node. `hold`: a socket;
    until its end the node's other engine workers find them."""

    def __init__(self, key, fd, offset, size, hold=None):
        self.key = key
        self.fd = fd
        self.offset = offset
        self.size = size
        self.hold = hold
        self.used = time.monotonic()

    def view(self):
        if not self.size:
            return memoryview(b"")
        begin = self.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        skipped = self.offset - begin
        whole = mmap.mmap(
            self.fd, skipped + self.size, mmap.MAP_SHARED, mmap.PROT_READ, offset=begin
        )
        return memoryview(whole)[skipped:]

    def __reduce_ex__(self, protocol):
        view = self.view()
        data = pickle.PickleBuffer(view) if protocol >= 5 else bytes(view)
        return receive, (self.key, data)

    def __sizeof__(self):
        return self.size

    def __del__(self):
        if self.hold is not None:
            self.hold.close()
        os.close(self.fd)


def send_descriptor(connection, word, fd):
    rights = struct.pack("<i", fd)
    connection.sendmsg(
        [struct.pack("<Q", word)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)]
    )


def is_ours(connection):
    """Whether the other end of a Unix socket is of the same user."""
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return struct.unpack("<iII", peer)[1] == os.geteuid()


def serve_node(server, fd, hold):
    """A thread's: gives the engine workers of this node what is there, until the
    last of them has let go. Its own process (`hold`) can be an earlier one: Dask
    takes copies away from workers and sends them again."""
    poll = select.poll()
    poll.register(server, select.POLLIN)
    poll.register(hold, select.POLLIN)
    holds = {hold.fileno(): hold}
    while holds:
        for ready, _ in poll.poll():
            if ready in holds:  # Nobody writes to it: its end.
                poll.unregister(ready)
                holds.pop(ready).close()
                continue
            try:
                hold, _ = server.accept()
            except OSError:
                time.sleep(0.05)  # No descriptors left, for now.
                continue
            try:
                if is_ours(hold):
                    send_descriptor(hold, 0, fd)
                    holds[hold.fileno()] = hold
                    poll.register(hold, select.POLLIN)
                    continue
            except OSError:
                pass
            hold.close()
    server.close()
    os.close(fd)


def blob_of_node(name, key, size):
    """What another engine worker of this node has; None: nothing that is fit.
    Raises OSError while nobody serves it."""
    hold = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        hold.settimeout(START_SECONDS)
        hold.connect(name)
        if not is_ours(hold):
            return None
        _, control, _, _ = hold.recvmsg(8, socket.CMSG_SPACE(4))
        if not control:
            raise ConnectionError("Its owner has just gone.")
        fd = struct.unpack("<i", control[0][2][:4])[0]
        seals = fcntl.fcntl(fd, F_GET_SEALS)
        if os.fstat(fd).st_size == max(size, 1) and seals & WRITE_SEALS == WRITE_SEALS:
            kept, hold = hold, None
            return Blob(key, fd, 0, size, kept)
        os.close(fd)
        return None
    finally:
        if hold is not None:
            hold.close()


def sealed_memory(data):
    fd = os.memfd_create("joblib-shared", os.MFD_CLOEXEC | 2)
    try:
        os.ftruncate(fd, max(len(data), 1))
        written = 0
        while written < len(data):
            written += os.write(fd, data[written : written + (1 << 26)])
        fcntl.fcntl(fd, 1033, WRITE_SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


def receive(key, data):
    """A Blob that arrived here: one piece of memory for all engine workers of
    this node and user, which goes with the last of them."""
    with STATE.receive_lock:
        with STATE.lock:
            known = STATE.values.get(key)
        blob = known or STATE.received.get(key)
        if blob is None:
            blob = node_blob(key, memoryview(data).cast("B"))
            STATE.received[key] = blob
        return blob


def node_blob(key, data):
    # Abstract: gone with the process, however it ends.
    name = "\0joblib-%d-%s" % (os.geteuid(), key)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            server.bind(name)
            server.listen(64)  # Who connects waits until it is served.
        except OSError:
            server.close()
            try:
                blob = blob_of_node(name, key, len(data))
            except OSError:
                time.sleep(0.005)  # Not yet listening, or just gone.
                continue
            if blob is None:
                break
            return blob
        try:
            fd = sealed_memory(data)
        except BaseException:
            server.close()
            raise
        hold, served = socket.socketpair()
        threading.Thread(
            target=serve_node, args=(server, os.dup(fd), served), daemon=True
        ).start()
        return Blob(key, fd, 0, len(data), hold)
    return Blob(key, sealed_memory(data), 0, len(data))


def open_same(value):
    """The file of a value that travels by its name, if it is the same here."""
    try:
        fd = os.open(
            value["path"],
            (os.O_RDWR if value["mode"] == "r+" else os.O_RDONLY) | os.O_CLOEXEC,
        )
    except OSError:
        return None
    if file_facts(fd, value["mode"]) == value["facts"]:
        return Blob(value["key"], fd, value["offset"], value["bytes"])
    os.close(fd)
    return None


def take_values(values, alive):
    """The Blobs of a batch; else the number of one that is no such file here.
    `alive`: the newest number that its client knew then, and all that it had."""
    blobs = []
    for value, get in values:
        with STATE.lock:
            blob = STATE.values.get(value["key"])
        if blob is None:
            blob = open_same(value) if "facts" in value else get()
            if blob is None:
                return value["number"]
        blob.used = time.monotonic()
        blobs.append(blob)
    if not values:
        return blobs
    newest, numbers = alive
    owner = blobs[0].key.rsplit("-", 2)[0]
    old = []
    with STATE.lock:
        for key in list(STATE.values):
            of, number, _ = key.rsplit("-", 2)
            if of == owner and int(number) <= newest and int(number) not in numbers:
                old.append(STATE.values.pop(key))  # Its end: not under the lock.
        for blob in blobs:
            old.append(STATE.values.get(blob.key))
            STATE.values[blob.key] = blob
    return blobs


class OnDask:
    """Where the calls of a Dask task go: back to its cluster."""

    @staticmethod
    def address():
        from distributed import get_worker

        return get_worker().scheduler.address

    @staticmethod
    def waits(begins):
        """The task's thread leaves those that count, or takes a place again."""
        from distributed import rejoin, secede

        (secede if begins else rejoin)()

    @staticmethod
    def serve(connection, child):
        from distributed import get_worker

        worker = get_worker()
        serve = bundled("joblib_dask").serve_nested(
            connection, child, worker, sys.modules[__name__]
        )
        served = asyncio.run_coroutine_threadsafe(serve, worker.loop.asyncio_loop)
        # A loop alone does not keep what it runs.
        STATE.served.add(served)
        served.add_done_callback(STATE.served.discard)


def bundled(name):
    """One of the bridge's modules, whose text came with this one's."""
    with STATE.start_lock:
        if name not in STATE.bundled:
            module = types.ModuleType("%s_%s" % (name, __name__))
            sys.modules["joblib_sidecar"] = sys.modules[__name__]
            try:
                exec(compile(BUNDLE[name], name + ".py", "exec"), module.__dict__)
            finally:
                del sys.modules["joblib_sidecar"]
            STATE.bundled[name] = module
        return STATE.bundled[name]


def dask_run(token, payload, values, blobs, alive, client, shipped, task_timeout):
    """The task that Dask sees. Of `blobs` it has made what it scattered."""
    from distributed import get_worker

    def fetch():
        path = os.path.join(get_worker().local_directory, shipped["file"])
        with open(path, "rb") as stream:
            return stream.read()

    values = [(value, lambda blob=blob: blob) for value, blob in zip(values, blobs)]
    return run(
        token, client, shipped, fetch, payload, task_timeout, values, alive, OnDask
    )


def dask_survey(dask_scheduler):
    """On the scheduler: its clients, and the plugins of its workers and its own."""
    return (
        list(dask_scheduler.clients),
        list(dask_scheduler.worker_plugins),
        list(dask_scheduler.plugins),
    )
