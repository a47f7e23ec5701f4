"""What one `bazel test` really ran, test case by test case.

    results = read_results("events.json")  # --build_event_json_file=events.json
    print(results.passed, results.failed)

Counts the test cases in the test.xml files that the build event file names, so
nothing of an earlier run. A case that GoogleTest skipped or never ran counts as
neither passed nor failed; a target without cases of its own (a script) counts
as one; a target that crashed, timed out or did not build as one failed at
least.
"""

import dataclasses
import json
import os
import urllib.parse
import xml.etree.ElementTree as ElementTree

LOG_TAIL_LINES = 60


@dataclasses.dataclass
class Results:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    # A (title, text) for each failure.
    failures: list = dataclasses.field(default_factory=list)
    # Labels of tests that Bazel took from a cache instead of running them.
    cached: list = dataclasses.field(default_factory=list)

    def add_failure(self, title, text):
        self.failed += 1
        self.failures.append((title, text))


def read_results(event_file):
    """The Results of the build whose events `event_file` holds."""
    results = Results()
    attempts = {}  # (label, run, shard) -> the last attempt's event.
    unbuilt = set()
    # A build that was killed leaves no file, or half a last line.
    lines = []
    if os.path.exists(event_file):
        with open(event_file, encoding="utf-8", errors="replace") as stream:
            lines = stream.read().splitlines()
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        event_id = event["id"]
        if "testResult" in event:
            key = event_id["testResult"]
            run = (key["label"], key.get("run", 1), key.get("shard", 1))
            attempts[run] = event["testResult"]
        elif "targetCompleted" in event_id and "aborted" not in event:
            if not event.get("completed", {}).get("success"):
                unbuilt.add(event_id["targetCompleted"]["label"])
    for (label, _, shard), attempt in sorted(attempts.items()):
        title = label if shard == 1 else "%s (shard %d)" % (label, shard)
        _count_target(title, attempt, results)
        info = attempt.get("executionInfo", {})
        if attempt.get("cachedLocally") or info.get("cachedRemotely"):
            results.cached.append(label)
    # A target whose test failed is no failed build.
    for label in sorted(unbuilt - {label for label, _, _ in attempts}):
        results.add_failure(label, "was not built")
    return results


def _count_target(title, attempt, results):
    """Adds to `results` what one run of a test target counts."""
    files = {
        output["name"]: urllib.parse.unquote(
            urllib.parse.urlparse(output["uri"]).path
        )
        for output in attempt.get("testActionOutput", [])
        if "uri" in output
    }
    failed_before = results.failed
    _count_cases(title, files, results)
    status = attempt.get("status", "NO_STATUS")
    if status not in ("PASSED", "FLAKY") and results.failed == failed_before:
        results.add_failure(title, status + "\n" + _log_tail(files))


def _count_cases(title, files, results):
    try:
        root = ElementTree.parse(files["test.xml"]).getroot()
    except (KeyError, OSError, ElementTree.ParseError):
        return  # It ended before it could write one: its status tells.
    for case in root.iter("testcase"):
        # Attributes for GoogleTest, elements for JUnit's way.
        if (
            case.get("result") in ("skipped", "suppressed")
            or case.get("status") == "notrun"
            or case.find("skipped") is not None
        ):
            results.skipped += 1
            continue
        problems = case.findall("failure")
        errors = case.findall("error")
        if not problems and not errors:
            results.passed += 1
            continue
        if case.get("classname"):
            name = "%s %s.%s" % (title, case.get("classname"), case.get("name"))
        else:
            name = title
        text = "\n".join(p.text or p.get("message", "") for p in problems)
        if errors:  # Bazel's own: the program ended with an exit code.
            text += "\n".join(e.get("message", "") for e in errors)
            text += "\n" + _log_tail(files)
        results.add_failure(name, text)


def _log_tail(files):
    try:
        with open(files["test.log"], encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()
    except (KeyError, OSError):
        return "(no test.log)"
    return "\n".join([files["test.log"]] + lines[-LOG_TAIL_LINES:])
