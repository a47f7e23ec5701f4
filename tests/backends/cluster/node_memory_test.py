"""Of sidecar_values.py: the engine workers of a node share one piece of memory."""

import os
import runpy
import socket
import threading
import types
import unittest
import weakref

SOURCE = "lib/joblib/backends/cluster/sidecar_values.py"
KEY = "node_memory_test-%d-1" % os.getpid()
NAME = "\0joblib-%d-%s" % (os.geteuid(), KEY)
DATA = bytes(range(256)) * 64


def engine_worker(sleep=None):
    """The module as one engine worker has it."""
    state = types.SimpleNamespace(
        lock=threading.Lock(),
        values={},
        receive_lock=threading.Lock(),
        received=weakref.WeakValueDictionary(),
    )
    module = runpy.run_path(SOURCE, {"STATE": state, "START_SECONDS": 60})
    if sleep is not None:
        module["node_blob"].__globals__["time"] = types.SimpleNamespace(
            monotonic=lambda: 0, sleep=sleep
        )
    return types.SimpleNamespace(**module)


def inode(blob):
    return os.fstat(blob.fd).st_ino


class NodeMemoryTest(unittest.TestCase):
    def test_is_shared_by_engine_workers(self):
        blobs = [engine_worker().receive(KEY, DATA) for _ in range(4)]
        self.assertEqual(len({inode(blob) for blob in blobs}), 1)
        self.assertEqual(bytes(blobs[3].view()), DATA)

    def test_is_one_object_in_an_engine_worker(self):
        worker = engine_worker()
        first = worker.receive(KEY, DATA)
        self.assertIs(worker.receive(KEY, DATA), first)

    def test_waits_for_an_owner_that_does_not_serve_yet(self):
        owner = engine_worker()
        fd = owner.sealed_memory(DATA)
        refused = threading.Event()
        worker = engine_worker(sleep=lambda seconds: refused.set())
        blobs = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
            server.bind(NAME)
            receiver = threading.Thread(
                target=lambda: blobs.append(worker.receive(KEY, DATA))
            )
            receiver.start()
            self.assertTrue(refused.wait(60))
            server.listen(1)
            served = threading.Thread(
                target=owner.serve_node, args=(server, os.dup(fd)), daemon=True
            )
            served.start()
            receiver.join()
            server.shutdown(socket.SHUT_RDWR)
            served.join()
        self.assertEqual(inode(blobs[0]), os.fstat(fd).st_ino)
        os.close(fd)

    def test_of_an_owner_that_has_other_content_is_not_used(self):
        owner = engine_worker().receive(KEY, DATA[1:])
        mine = engine_worker().receive(KEY, DATA)
        self.assertNotEqual(inode(mine), inode(owner))
        self.assertEqual(bytes(mine.view()), DATA)

    def test_goes_with_the_last_of_them(self):
        blob = engine_worker().receive(KEY, DATA)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(NAME)
        del blob
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            with self.assertRaises(ConnectionRefusedError):
                probe.connect(NAME)


if __name__ == "__main__":
    unittest.main()
