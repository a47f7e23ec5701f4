# A part of sidecar.py: frames to and from a worker process.

import select
import socket
import struct
import time

SLICE_MS = 50  # Ray's cancel arrives between bytecodes: no long waits in C.
SMALL_BYTES = 65536  # Copied rather than sent in parts, and read at once.


class FrameSocket:
    """Waits as seldom as it can: after each wait its thread needs the interpreter's
    lock, which the engine's own threads hold meanwhile."""

    def __init__(self, connection):
        self.connection = connection
        # A receive that waits ends with each slice.
        limit = struct.pack("@ll", 0, SLICE_MS * 1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.unread = b""
        self.poll = select.poll()
        self.poll.register(connection, select.POLLIN)

    def close(self):
        self.connection.close()

    def send(self, kind, ident, *parts):
        length = sum(len(part) for part in parts)
        header = HEADER.pack(MAGIC, kind, 0, VERSION, ident, length)
        if length < SMALL_BYTES:
            self.connection.sendall(b"".join((header, *parts)))
        else:
            for part in (header, *parts):
                self.connection.sendall(part)

    def readable(self, deadline):
        """Waits for a slice, and not beyond the deadline."""
        left = int((deadline - time.monotonic()) * 1000) + 1
        return self.unread or self.poll.poll(max(0, min(SLICE_MS, left)))

    def wait(self, deadline):
        while not self.readable(deadline):
            if time.monotonic() >= deadline:
                raise TimeoutError

    def into(self, view, deadline):
        """How many bytes came; 0: no more will."""
        while True:
            if deadline is not None:
                self.wait(deadline)
            try:
                return self.connection.recv_into(view)
            except BlockingIOError:
                continue  # A slice is over.
            except ConnectionError:
                return 0

    def receive(self, deadline=None):
        """(type, body), or None at the process's end."""
        while len(self.unread) < HEADER.size:
            part = bytearray(SMALL_BYTES)
            n = self.into(part, deadline)
            if n == 0:
                return None
            self.unread += part[:n]
        magic, kind, _, version, _, length = HEADER.unpack_from(self.unread)
        if magic != MAGIC or version != VERSION:
            raise Refused("The worker process speaks another protocol.")
        end = HEADER.size + length
        body, self.unread = self.unread[HEADER.size : end], self.unread[end:]
        if len(body) == length:
            return kind, body
        whole = bytearray(length)
        got = len(body)
        whole[:got] = body
        view = memoryview(whole)
        while got < length:
            n = self.into(view[got:], deadline)
            if n == 0:
                return None
            got += n
        return kind, whole
