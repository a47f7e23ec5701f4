"""A site for a test, and test results by test case.

A site is a folder of links to what the test's `data` holds, and a server for
it; `main` is unittest.main that also writes the XML file Bazel asks for.
"""

import os
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

from wasm import serve


def folder_of(**entries):
    """A new folder: file or folder name -> its path below the work tree."""
    folder = tempfile.mkdtemp()
    for name, path in entries.items():
        os.symlink(os.path.abspath(path), os.path.join(folder, name))
    return folder


def start(folder, isolated, headers=None, **more):
    """Serves `folder`; the server's address is its attribute `url`."""
    all_headers = dict(serve.ISOLATION if isolated else {}, **(headers or {}))
    server = serve.start_server(folder, headers=all_headers, **more)
    server.url = "http://127.0.0.1:%d/" % server.server_port
    return server


class _Result(unittest.TextTestResult):
    """Keeps each case's end for the XML file."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []
        self._started = 0

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _keep(self, test, problem=None, skipped=False):
        seconds = time.monotonic() - self._started
        self.cases.append((test.id(), seconds, problem, skipped))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._keep(test)

    def addError(self, test, err):
        super().addError(test, err)
        self._keep(test, self._exc_info_to_string(err, test))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._keep(test, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._keep(test, skipped=True)


def _write_xml(path, cases):
    suite = ElementTree.Element("testsuite", tests=str(len(cases)))
    for name, seconds, problem, skipped in cases:
        class_name, _, case_name = name.rpartition(".")
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=class_name,
            name=case_name,
            time="%.3f" % seconds,
        )
        if problem is not None:
            ElementTree.SubElement(case, "failure").text = problem
        if skipped:
            ElementTree.SubElement(case, "skipped")
    ElementTree.ElementTree(suite).write(path, encoding="utf-8")


def main():
    runner = unittest.TextTestRunner(resultclass=_Result, verbosity=2)
    program = unittest.main(module="__main__", testRunner=runner, exit=False)
    path = os.environ.get("XML_OUTPUT_FILE")
    if path:
        _write_xml(path, program.result.cases)
    sys.exit(0 if program.result.wasSuccessful() else 1)
