"""Runs the commands of gallery.md and holds their output against the page's.

    gallery_test.py EXAMPLE ...    these examples' alone
"""

import os
import pwd
import re
import subprocess
import sys
import unittest

PAGE = "lib/joblib/docs/gallery.md"
COMMAND = r"^    bazel run -c opt //tools/examples/(\w+)(?: -- ([^\n]*))?\n\n"
OUTPUT = r"```text\n(.*?)```$"
# Not by HOME: Bazel gives tests none.
HOME = pwd.getpwuid(os.getuid()).pw_dir
PYTHON = os.path.join(HOME, ".cache/joblib-cluster/bin/python")


def commands():
    """[(example, arguments, what the page says)]"""
    with open(PAGE, encoding="utf-8") as stream:
        found = re.findall(COMMAND + OUTPUT, stream.read(), re.M | re.S)
    return [(name, arguments.split(), said) for name, arguments, said in found]


def matches(printed, said):
    """`...` stands for any text."""
    parts = [re.escape(part) for part in said.strip().split("...")]
    return re.fullmatch(".*?".join(parts), printed.strip(), re.S) is not None


class GalleryTest(unittest.TestCase):
    def test_what_a_page_says_is_compared(self):
        self.assertTrue(matches("a 1 b\nc\n", "a ... b\nc"))
        self.assertFalse(matches("a 1 b\nd\n", "a ... b\nc"))
        self.assertFalse(matches("a 1 b\nc\nd\n", "a ... b\nc"))

    def test_each_example_prints_what_the_page_says(self):
        wanted = set(EXAMPLES)
        for name, arguments, said in commands():
            if name not in EXAMPLES:
                continue
            wanted.discard(name)
            arguments = [
                a.replace("/tmp", os.environ["TEST_TMPDIR"]) for a in arguments
            ]
            with self.subTest(name, arguments=arguments):
                printed = subprocess.run(
                    ["tools/examples/%s/%s" % (name, name)] + arguments,
                    stdout=subprocess.PIPE,
                    env={"JOBLIB_PYTHON": PYTHON, **os.environ},
                    text=True,
                    check=True,
                ).stdout
                self.assertTrue(
                    matches(printed, said), "It printed\n%s" % printed
                )
        self.assertFalse(wanted, "not on the page")


if __name__ == "__main__":
    EXAMPLES = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
