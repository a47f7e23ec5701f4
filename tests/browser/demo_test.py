"""The demo page (wasm/demo), in Chromium, as its visitor sees it.

Keeps a picture of each state among the test's outputs.
"""

import subprocess
import unittest

from tests.browser import chromium, site

PAGE = "wasm/demo/page"
NATIVE = "tools/examples/digits_forest/digits_forest"
TREES = 100
# Of a pad whose side is 1.
TWO = [
    (0.3, 0.28),
    (0.4, 0.18),
    (0.56, 0.17),
    (0.67, 0.27),
    (0.64, 0.42),
    (0.5, 0.57),
    (0.37, 0.7),
    (0.28, 0.82),
    (0.45, 0.82),
    (0.6, 0.82),
    (0.74, 0.82),
]


class DemoPage:
    """The cases that hold with threads and without."""

    isolated = True
    name = "threads"

    @classmethod
    def setUpClass(cls):
        cls.server = site.start(PAGE, cls.isolated)
        cls.browser = cls.enterClassContext(chromium.Chromium())

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()

    def setUp(self):
        self.browser.open(self.server.url)
        self.browser.wait_until("module.classList.contains('ready')")
        self.choose("trees", TREES)

    def choose(self, field, value):
        self.browser.run(
            "const field = document.getElementById(arguments[0]);"
            "field.value = arguments[1];"
            "field.dispatchEvent(new Event('input'));",
            field,
            value,
        )

    def text(self, field):
        return self.browser.run(
            "return document.getElementById(arguments[0]).textContent;", field
        )

    def grow(self):
        self.browser.run("grow.click();")
        self.browser.wait_until("document.body.dataset.busy === 'false'")

    def draw(self, points):
        self.browser.run("pad.scrollIntoView({block: 'center'});")
        left, top, side = self.browser.run(
            "const box = pad.getBoundingClientRect();"
            "return [box.left, box.top, box.width];"
        )
        self.browser.drag([(left + side * x, top + side * y) for x, y in points])

    def test_says_which_module_runs(self):
        text = self.text("module")
        self.assertIn("with threads" if self.isolated else "one thread", text)
        self.browser.screenshot(self.name + "_ready")

    def test_grows_the_forest_that_grows_natively(self):
        self.grow()
        native = subprocess.run(
            [NATIVE, "--trees=%d" % TREES, "--backend=sequential"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout
        digest = self.text("digest").split()[-1]
        self.assertRegex(digest, "^[0-9a-f]{16}$")
        self.assertIn("digest: " + digest, native)
        self.assertEqual(self.text("same"), "the same")
        right = self.text("accuracy-of").split(" digits")[0]
        self.assertIn("(%s held-out" % right, native)
        self.browser.screenshot(self.name + "_grown")

    def test_the_timeline_has_a_bar_for_each_tree(self):
        self.choose("n_jobs", "2" if self.isolated else "1")
        self.grow()
        bars, lanes = self.browser.run(
            "return ['.bar', '.lane'].map((c) =>"
            " document.querySelectorAll('#timeline ' + c).length);"
        )
        self.assertEqual(bars, TREES)
        self.assertEqual(lanes, 2 if self.isolated else 1)

    def test_the_bars_move_while_the_forest_grows(self):
        self.choose("trees", 1000)
        counts = self.browser.run(
            "const bar = document.getElementById('bar-one'), seen = new Set();"
            "grow.click();"
            "while (bar.value < bar.max || bar.max < 1000) {"
            "  seen.add(bar.value); await new Promise(requestAnimationFrame);"
            "} return [...seen];"
        )
        self.assertEqual(counts, sorted(counts))
        self.assertGreater(len(counts), 5)
        self.browser.screenshot(self.name + "_growing")
        self.browser.run("document.getElementById('stop').click();")
        self.browser.wait_until("document.body.dataset.busy === 'false'")

    def test_stops(self):
        self.choose("trees", 1000)
        self.browser.run("grow.click();")
        self.browser.wait_until("document.getElementById('bar-one').value > 0")
        self.browser.run("document.getElementById('stop').click();")
        self.browser.wait_until("document.body.dataset.busy === 'false'")
        self.assertEqual(self.text("message"), "Stopped.")
        self.browser.screenshot(self.name + "_stopped")
        self.choose("trees", TREES)
        self.grow()
        self.assertEqual(self.text("same"), "the same")

    def test_loky_shows_the_fallbacks_warning(self):
        self.choose("backend", "loky")
        self.grow()
        self.assertIn("falling back to threading", self.text("message"))
        self.assertEqual(self.text("same"), "the same")
        self.browser.screenshot(self.name + "_loky")

    def test_more_jobs_than_threads(self):
        self.choose("n_jobs", 64)
        self.grow()
        self.assertEqual(self.text("same"), "the same")

    def test_reads_what_is_drawn(self):
        self.grow()
        self.draw(TWO)
        self.browser.wait_until("reading.textContent.startsWith('A ')")
        self.assertIn("A 2, say", self.text("reading"))
        shares = self.browser.run(
            "return [...document.querySelectorAll('#votes meter')]"
            ".map((m) => m.value);"
        )
        self.assertEqual(sum(shares), TREES)
        self.assertGreater(shares[2], TREES / 2)
        self.browser.screenshot(self.name + "_drawn")

    def test_works_by_keyboard(self):
        self.browser.run("document.getElementById('trees').focus();")
        tab, enter, right = "\ue004", "\ue007", "\ue014"
        self.browser.press(right)
        self.assertEqual(self.text("trees-out"), str(TREES + 50))
        self.browser.press(tab, tab, tab, enter)
        self.browser.wait_until(
            "document.getElementById('same').textContent === 'the same'"
        )
        self.browser.run("document.getElementById('clear').focus();")
        self.browser.press(tab, enter)
        self.browser.wait_until("reading.textContent.includes('writer')")

    def test_fits_a_phone_light_and_dark(self):
        self.addCleanup(
            self.browser.devtools, "Emulation.clearDeviceMetricsOverride"
        )
        self.addCleanup(
            self.browser.devtools, "Emulation.setEmulatedMedia", features=[]
        )
        self.browser.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=360,
            height=740,
            deviceScaleFactor=2,
            mobile=True,
        )
        self.grow()
        for scheme in ("light", "dark"):
            self.browser.devtools(
                "Emulation.setEmulatedMedia",
                features=[{"name": "prefers-color-scheme", "value": scheme}],
            )
            self.assertLessEqual(
                self.browser.run("return document.body.scrollWidth;"), 360
            )
            self.browser.screenshot("%s_phone_%s" % (self.name, scheme))

    def test_nothing_goes_wrong_unseen(self):
        self.grow()
        severe = [l for l in self.browser.log() if l.startswith("SEVERE")]
        self.assertEqual(severe, [])


class Threads(DemoPage, unittest.TestCase):
    pass


class NoIsolation(DemoPage, unittest.TestCase):
    isolated = False
    name = "plain"


if __name__ == "__main__":
    site.main()
