"""tools/test counts the test cases that ran, and only those."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.abspath("tools"))
import test_results  # pylint: disable=wrong-import-position

# As GoogleTest 1.12.1 writes it.
GOOGLETEST = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" disabled="1" errors="0" name="AllTests">
  <testsuite name="Suite" tests="5" failures="1" disabled="1" skipped="1">
    <testcase name="Good" status="run" result="completed" classname="Suite" />
    <testcase name="Fine" status="run" result="completed" classname="Suite" />
    <testcase name="Bad" status="run" result="completed" classname="Suite">
      <failure message="a.cc:8&#x0A;why" type=""><![CDATA[a.cc:8
why]]></failure>
      <failure message="a.cc:9&#x0A;too" type=""><![CDATA[a.cc:9
too]]></failure>
    </testcase>
    <testcase name="Skip" status="run" result="skipped" classname="Suite">
      <skipped message="a.cc:12&#x0A;not here"><![CDATA[a.cc:12]]></skipped>
    </testcase>
    <testcase name="DISABLED_No" status="notrun" result="suppressed"
              classname="Suite" />
  </testsuite>
</testsuites>
"""

# As Bazel writes it for a program that leaves none.
SCRIPT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="a/b_test" tests="1" failures="0" errors="%d">
    <testcase name="a/b_test" status="run" duration="0" time="0">%s</testcase>
  </testsuite>
</testsuites>
"""
GOOD_SCRIPT = SCRIPT % (0, "")
BAD_SCRIPT = SCRIPT % (
    1,
    '<error message="exited with error code 3"></error>',
)


class ReadResultsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.events = []

    def path(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
        return path

    def add_test(self, label, status, xml=None, attempt=1, shard=1, **more):
        name = "%s %d %d" % (label.strip("/").replace(":", " "), attempt, shard)
        outputs = [
            {
                "name": "test.log",
                "uri": "file://" + self.path(name + ".log", "the log"),
            }
        ]
        if xml is not None:
            path = self.path(name + ".xml", xml).replace(" ", "%20")
            outputs.append({"name": "test.xml", "uri": "file://" + path})
        key = {"label": label, "run": 1, "shard": shard, "attempt": attempt}
        result = dict(status=status, testActionOutput=outputs, **more)
        self.events.append({"id": {"testResult": key}, "testResult": result})

    def read(self):
        lines = "".join(json.dumps(event) + "\n" for event in self.events)
        path = self.path("events.json", lines)
        return test_results.read_results(path)

    def assert_counts(self, results, passed, failed, skipped=0):
        counts = (results.passed, results.failed, results.skipped)
        self.assertEqual(counts, (passed, failed, skipped))
        self.assertEqual(len(results.failures), failed)

    def test_each_case_counts_but_skipped_and_disabled_ones(self):
        self.add_test("//a:b_test", "FAILED", GOOGLETEST)
        results = self.read()
        self.assert_counts(results, 2, 1, skipped=2)
        title, text = results.failures[0]
        self.assertEqual(title, "//a:b_test Suite.Bad")
        self.assertEqual(text, "a.cc:8\nwhy\na.cc:9\ntoo")

    def test_a_script_counts_as_one(self):
        self.add_test("//a:b_test", "PASSED", GOOD_SCRIPT)
        self.add_test("//a:c_test", "FAILED", BAD_SCRIPT)
        results = self.read()
        self.assert_counts(results, 1, 1)
        title, text = results.failures[0]
        self.assertEqual(title, "//a:c_test")
        self.assertIn("exited with error code 3", text)
        self.assertIn("the log", text)

    def test_a_target_that_ends_without_a_word_is_one_failed(self):
        self.add_test("//a:b_test", "TIMEOUT")
        self.add_test("//a:c_test", "FAILED", "<testsuites><tests")
        results = self.read()
        self.assert_counts(results, 0, 2)
        self.assertIn("TIMEOUT", results.failures[0][1])

    def test_a_bad_end_after_good_cases_is_one_failed(self):
        good = GOOGLETEST.replace("failure", "properties")
        self.add_test("//a:b_test", "FAILED", good)
        self.assert_counts(self.read(), 3, 1, skipped=2)

    def test_the_last_attempt_of_each_shard_counts(self):
        self.add_test("//a:b_test", "FAILED", BAD_SCRIPT)
        self.add_test("//a:b_test", "PASSED", GOOD_SCRIPT, attempt=2)
        self.add_test("//a:b_test", "PASSED", GOOD_SCRIPT, shard=2)
        self.assert_counts(self.read(), 2, 0)

    def test_a_target_that_is_not_built_is_one_failed(self):
        for label, success in (("//a:b_test", False), ("//a:lib", True)):
            key = {"label": label}
            completed = {"success": True} if success else {}
            self.events.append(
                {"id": {"targetCompleted": key}, "completed": completed}
            )
        self.assert_counts(self.read(), 0, 1)

    def test_a_target_skipped_as_incompatible_counts_nothing(self):
        key = {"targetCompleted": {"label": "//a:b_test"}}
        aborted = {"reason": "SKIPPED"}
        self.events.append({"id": key, "aborted": aborted})
        self.assert_counts(self.read(), 0, 0)

    def test_a_cached_result_is_named(self):
        self.add_test("//a:b_test", "PASSED", GOOD_SCRIPT, cachedLocally=True)
        self.add_test(
            "//a:c_test",
            "PASSED",
            GOOD_SCRIPT,
            executionInfo={"cachedRemotely": True},
        )
        self.assertEqual(self.read().cached, ["//a:b_test", "//a:c_test"])

    def test_a_build_that_died_counts_nothing(self):
        path = os.path.join(self.folder.name, "none.json")
        self.assert_counts(test_results.read_results(path), 0, 0)
        path = self.path("half.json", '{"id":{"test')
        self.assert_counts(test_results.read_results(path), 0, 0)


if __name__ == "__main__":
    unittest.main()
