"""Loading a module: the words of each failure, and strict pages."""

import os
import subprocess
import tempfile
import unittest

from tests.browser import chromium, site

MODULE = "tests/browser/modules/numbers"
LOAD = "const load = (await import('/numbers/numbers.mjs')).default;"
POLICY = (
    "default-src 'none'; connect-src 'self' blob:; worker-src 'self'; "
    "img-src data:; script-src 'self'"
)


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(chromium.Chromium())
        cls.folder = site.folder_of(
            **{"page.html": "tests/browser/page.html", "numbers": MODULE}
        )

    def open(self, isolated=True, **options):
        server = site.start(self.folder, isolated, **options)
        self.addCleanup(server.shutdown)
        self.browser.open(server.url + "page.html")
        return server.url

    def refusal(self, options="{}"):
        return self.browser.run(
            LOAD + "try { await load(%s); return 'loaded'; }"
            "catch (e) { return e.message; }" % options
        )

    def test_a_missing_file_is_named(self):
        for path in (
            "/numbers/threads/module.wasm",
            "/numbers/threads/module.mjs",
            "/numbers/host.mjs",
        ):
            with self.subTest(path):
                url = self.open(statuses={path: 404})
                self.assertEqual(
                    self.refusal(),
                    "the WebAssembly module was not loaded: %s: HTTP 404; the "
                    "server must have the module's whole folder"
                    % (url + path[1:]),
                )

    def test_a_wrong_type_is_named(self):
        url = self.open(types={".wasm": "text/plain"})
        for threads in ("threads", "plain"):
            self.assertEqual(
                self.refusal("{threads: %s}" % str(threads == "threads").lower()),
                "the WebAssembly module was not loaded: %snumbers/%s/"
                "module.wasm is served as 'text/plain': the server must send "
                "it as application/wasm" % (url, threads),
            )

    def test_a_policy_against_webassembly_is_named(self):
        self.open(headers={"Content-Security-Policy": POLICY})
        for options in ("{}", "{threads: false}"):
            self.assertIn(
                "script-src needs 'wasm-unsafe-eval'", self.refusal(options)
            )

    def test_refuses_options_it_does_not_know(self):
        self.open()
        self.assertEqual(
            self.refusal("{thread: true}"),
            "load has no option 'thread'; there are: threads, cpuCount",
        )
        self.assertEqual(
            self.refusal("{cpuCount: 1.5}"),
            "cpuCount is 1.5, not a whole number from 1",
        )

    def test_runs_under_a_policy_without_unsafe_eval(self):
        policy = POLICY + " 'wasm-unsafe-eval'"
        for isolated in (True, False):
            self.open(isolated, headers={"Content-Security-Policy": policy})
            counts = self.browser.run(
                LOAD + "const m = await load(), stop = new AbortController();"
                "let done = 0;"
                "const squares = await m.call('squares', 9, {n_jobs: -1});"
                "const end = await m.call('busy', {tasks: 1000000},"
                " {signal: stop.signal, onProgress: () => stop.abort()})"
                "  .catch((e) => e.name);"
                "return [m.threads, squares[8], end];"
            )
            self.assertEqual(counts, [isolated, 64, "AbortError"])
            self.assertEqual(
                self.browser.run(
                    # Later: DevTools itself lets its own script eval.
                    "await new Promise((go) => setTimeout(go));"
                    "try { return eval('1'); } catch (e) { return e.name; }"
                ),
                "EvalError",
            )

    def test_an_abort_that_the_policy_keeps_from_being_heard_warns(self):
        policy = POLICY.replace(" blob:", "") + " 'wasm-unsafe-eval'"
        self.open(False, headers={"Content-Security-Policy": policy})
        workers, warnings = self.browser.run(
            LOAD + "const m = await load(), warnings = [];"
            "const workers = await m.call('busy', {tasks: 20},"
            " {signal: new AbortController().signal,"
            "  onWarning: (w) => warnings.push(w.message)});"
            "return [workers, warnings];"
        )
        self.assertEqual(workers, 1)
        self.assertEqual(len(warnings), 1)
        self.assertIn("needs connect-src blob:", warnings[0])

    def test_a_reload_ends_what_runs(self):
        for isolated in (True, False):
            self.open(isolated)
            for _ in range(3):
                self.browser.run(
                    LOAD + "const m = await load(); await new Promise((go) =>"
                    " m.call('busy', {tasks: 1000000, milliseconds: 5},"
                    " {n_jobs: -1, onProgress: go}));"
                )
                self.browser.devtools("Page.reload")
                self.browser.wait_until("document.readyState === 'complete'")
            self.assertEqual(
                self.browser.run(
                    LOAD + "const m = await load();"
                    "return m.call('add', [1, 2]);"
                ),
                3,
            )

    def test_the_plain_module_knows_of_no_shared_memory(self):
        for name in os.listdir(MODULE + "/plain"):
            with open(os.path.join(MODULE, "plain", name), "rb") as file:
                content = file.read()
            self.assertNotIn(b"SharedArrayBuffer", content)
            self.assertNotIn(b"new Function", content)

    def test_the_folder_is_a_package(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(folder + "/node_modules")
            os.symlink(os.path.abspath(MODULE), folder + "/node_modules/numbers")
            with open(folder + "/use.mjs", "w", encoding="utf-8") as file:
                file.write(
                    "import load from 'numbers';"
                    "await load({threads: true}).catch((e) =>"
                    " console.log(e.message));"
                )
            said = subprocess.run(
                [os.environ.get("NODE", "node"), "use.mjs"],
                cwd=folder,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
        self.assertIn("cross-origin isolated", said)

    def test_modules_do_not_know_each_other(self):
        self.open()
        self.assertEqual(
            self.browser.run(
                LOAD + "const ms = await Promise.all([load(), load(),"
                " load({threads: false})]);"
                "const all = await Promise.all(ms.map((m, i) =>"
                " m.call('squares', 10 + i, {n_jobs: 2})));"
                "return all.map((r) => r.length);"
            ),
            [10, 11, 12],
        )


if __name__ == "__main__":
    site.main()
