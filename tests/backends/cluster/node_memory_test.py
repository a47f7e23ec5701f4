"""Of sidecar_values.py: the engine workers of a node share one piece of memory."""

import os
import runpy
import socket
import threading
import time
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


def is_served():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(NAME)
        except ConnectionRefusedError:
            return False
    return True


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
            hold, its = socket.socketpair()
            served = threading.Thread(
                target=owner.serve_node, args=(server, os.dup(fd), its), daemon=True
            )
            served.start()
            receiver.join()
            self.assertEqual(inode(blobs[0]), os.fstat(fd).st_ino)
            hold.close()
            blobs.clear()
            served.join()
        os.close(fd)

    def test_stays_where_others_have_it(self):
        first, other = engine_worker(), engine_worker()
        blob = first.receive(KEY, DATA)
        others = other.receive(KEY, DATA)
        del blob
        self.assertEqual(inode(first.receive(KEY, DATA)), inode(others))
        self.assertEqual(inode(engine_worker().receive(KEY, DATA)), inode(others))

    def test_of_an_owner_that_has_other_content_is_not_used(self):
        owner = engine_worker().receive(KEY, DATA[1:])
        mine = engine_worker().receive(KEY, DATA)
        self.assertNotEqual(inode(mine), inode(owner))
        self.assertEqual(bytes(mine.view()), DATA)

    def test_goes_with_the_last_of_them(self):
        blob = engine_worker().receive(KEY, DATA)
        self.assertTrue(is_served())
        del blob
        while is_served():
            time.sleep(0.005)


if __name__ == "__main__":
    unittest.main()
