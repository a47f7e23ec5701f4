"""C++ tests of the library that need threads, as programs in a page.

Node runs all of these tests; a browser's threads are others than node's.
"""

import re
import unittest

from tests.browser import chromium, site

PROGRAMS = ("deadlines", "futex_threads", "thread_pool", "thread_start")


class ThreadsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(chromium.Chromium())
        folder = site.folder_of(
            **{
                "program.html": "tests/browser/program.html",
                "program_host.mjs": "tests/browser/program_host.mjs",
            },
            **{name: "tests/browser/programs/" + name for name in PROGRAMS},
        )
        cls.server = site.start(folder, isolated=True)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()

    def test_the_programs_pass(self):
        for name in PROGRAMS:
            with self.subTest(name):
                self.browser.open(self.server.url + "program.html?" + name)
                self.browser.wait_until("'status' in document.body.dataset")
                status, lines = self.browser.run(
                    "return [document.body.dataset.status, lines.textContent];"
                )
                self.assertEqual(status, "0", lines)
                passed = re.search(r"\[  PASSED  \] ([1-9]\d*) test", lines)
                self.assertIsNotNone(passed, lines)
                print("%s: %s cases passed" % (name, passed[1]))


if __name__ == "__main__":
    site.main()
