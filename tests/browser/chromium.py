"""Chromium without a window, driven through chromedriver's HTTP protocol.

    with Chromium() as browser:
        browser.open("http://127.0.0.1:8000/")
        browser.run("return document.title")

Python's standard library only. `tools/setup.sh` installs what it drives.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMEDRIVER = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")
# How long a page may take for anything: of a machine that is busy.
PATIENCE_SECONDS = 120


class Chromium:
    """One browser with a profile of its own, closed with the `with` block."""

    def __init__(self):
        self._scratch = tempfile.mkdtemp()
        self._driver = None
        self._session = ""

    def __enter__(self):
        for program in (CHROMIUM, CHROMEDRIVER):
            if not os.path.exists(program):
                raise RuntimeError(
                    "%s is missing: run tools/setup.sh" % program
                )
        self._driver = subprocess.Popen(
            [CHROMEDRIVER, "--port=0"],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, HOME=self._scratch, TMPDIR=self._scratch),
        )
        port = None
        for line in self._driver.stdout:
            port = re.search(r"successfully on port (\d+)", line)
            if port:
                break
        self._base = "http://127.0.0.1:%s" % port[1]
        arguments = [
            "--headless=new",
            # As root in a container there is none to be had.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            # A page in the background draws no frames.
            "--disable-backgrounding-occluded-windows",
            "--user-data-dir=%s/profile" % self._scratch,
            "--window-size=1000,900",
        ]
        capabilities = {
            "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": PATIENCE_SECONDS * 1000},
        }
        session = self._call(
            "POST",
            "/session",
            {"capabilities": {"alwaysMatch": capabilities}},
        )
        self._session = "/session/" + session["sessionId"]
        return self

    def __exit__(self, *_):
        try:
            self._call("DELETE", "")
        finally:
            self._driver.terminate()
            self._driver.wait()
            self._driver.stdout.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            self._base + self._session + path,
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        try:
            with urllib.request.urlopen(
                request, timeout=PATIENCE_SECONDS + 30
            ) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from error

    def open(self, url):
        self._call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a function body, awaited."""
        wrapped = (
            "const done = arguments[arguments.length - 1];"
            "(async (...args) => {%s})(...[...arguments].slice(0, -1))"
            ".then((value) => done({value}),"
            " (e) => done({error: `${e?.name}: ${e?.message ?? e}`}));"
        ) % script
        outcome = self._call(
            "POST",
            "/execute/async",
            {"script": wrapped, "args": list(arguments)},
        )
        if "error" in outcome:
            raise RuntimeError(outcome["error"])
        return outcome.get("value")

    def wait_until(self, expression):
        """Waits for a JavaScript expression to be true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.run("return Boolean(%s);" % expression):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    "never true: %s\n%s" % (expression, "\n".join(self.log()))
                )
            time.sleep(0.05)

    def log(self):
        """What the page's console says, since the last question."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return ["%(level)s %(message)s" % entry for entry in entries]

    def devtools(self, command, **parameters):
        """A command of the DevTools protocol."""
        return self._call(
            "POST",
            "/goog/cdp/execute",
            {"cmd": command, "params": parameters},
        )

    def drag(self, points):
        """Draws with a real pointer through points of the viewport."""
        steps = [
            {"type": "pointerMove", "duration": 0, "x": x, "y": y}
            for x, y in ((round(x), round(y)) for x, y in points)
        ]
        steps.insert(1, {"type": "pointerDown", "button": 0})
        steps.append({"type": "pointerUp", "button": 0})
        pointer = {"type": "pointer", "id": "mouse", "actions": steps}
        self._call("POST", "/actions", {"actions": [pointer]})

    def press(self, *keys):
        """Presses keys, one after the other."""
        steps = []
        for key in keys:
            steps.append({"type": "keyDown", "value": key})
            steps.append({"type": "keyUp", "value": key})
        keyboard = {"type": "key", "id": "keyboard", "actions": steps}
        self._call("POST", "/actions", {"actions": [keyboard]})

    def screenshot(self, name, whole_page=True):
        """Keeps what the page looks like as NAME.png among Bazel's outputs."""
        folder = os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR")
        if not folder:
            return
        shot = self.devtools(
            "Page.captureScreenshot", captureBeyondViewport=whole_page
        )
        with open(os.path.join(folder, name + ".png"), "wb") as file:
            file.write(base64.b64decode(shot["data"]))
