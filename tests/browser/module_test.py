"""What a page sees of a module (wasm/bindings), in Chromium.

Each case of `BothModules` runs in an isolated page with threads, in one that
is not, and in an isolated one that asks for the plain module.
"""

import unittest

from tests.browser import chromium, site

MODULES = "tests/browser/modules"
LOAD = "const load = (await import('/numbers/numbers.mjs')).default;"


def make_site(**options):
    folder = site.folder_of(
        **{
            "page.html": "tests/browser/page.html",
            "numbers": MODULES + "/numbers",
        }
    )
    return site.start(folder, **options)


class BothModules:
    """The cases that hold with threads and without."""

    isolated = True
    options = "{}"
    threads = True

    @classmethod
    def setUpClass(cls):
        cls.server = make_site(isolated=cls.isolated)
        cls.browser = cls.enterClassContext(chromium.Chromium())
        cls.browser.open(cls.server.url + "page.html")
        cls.browser.run(LOAD + "self.m = await load(%s);" % cls.options)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()

    def run_js(self, script, *arguments):
        return self.browser.run(script, *arguments)

    def rejection(self, expression):
        """(name, message) of the Error that a Promise rejects with."""
        return tuple(
            self.run_js(
                "try { await (%s); return ['resolved', '']; }"
                "catch (e) { return [e.name, e.message]; }" % expression
            )
        )

    def test_says_which_module_it_is(self):
        threads, count, cores = self.run_js(
            "return [m.threads, m.cpuCount, navigator.hardwareConcurrency];"
        )
        self.assertEqual(threads, self.threads)
        self.assertEqual(count, cores if self.threads else 1)
        self.assertEqual(self.run_js("return m.call('cpuCount')"), count)

    def test_arguments_and_results_pass(self):
        self.assertEqual(self.run_js("return m.call('add', [1.5, 2])"), 3.5)
        self.assertEqual(
            self.run_js(
                "const r = await m.call('halve', new Float64Array([1, 5]));"
                "return [r.constructor.name, ...r];"
            ),
            ["Float64Array", 0.5, 2.5],
        )
        self.assertEqual(
            self.run_js("return [...await m.call('halve', [8])]"), [4]
        )

    def test_typed_arrays_stay_the_pages_own(self):
        self.assertEqual(
            self.run_js(
                "const x = new Float64Array([2, 4]);"
                "const y = await m.call('halve', x);"
                "return [...x, ...y, y.buffer.constructor.name];"
            ),
            [2, 4, 1, 2, "ArrayBuffer"],
        )

    def test_an_object_is_a_struct(self):
        given = {
            "yes": True,
            "small": 255,
            "text": "äöü ✓",
            "maybe": -0.5,
            "words": ["one", "two"],
        }
        got = self.run_js(
            "const r = await m.call('echo',"
            " {...arguments[0], bytes: new Uint8Array([1, 255])});"
            "return {...r, bytes: [...r.bytes]}",
            given,
        )
        self.assertEqual(got, dict(given, count=7, bytes=[1, 255]))

    def test_a_field_left_out_keeps_its_value(self):
        got = self.run_js(
            "const r = await m.call('echo'); return [r.text, 'maybe' in r,"
            " r.maybe === undefined];"
        )
        self.assertEqual(got, ["unset", True, True])

    def test_wrong_arguments_say_what_and_where(self):
        for call, message in [
            ("'echo', {txt: 1}", "the argument has no 'txt'; there are: yes, "),
            ("'echo', {small: 256}", "small is 256, not a whole number from "),
            ("'echo', {small: 0.5}", "small is 0.5, not a whole number from "),
            ("'echo', {yes: 1}", "yes is 1, not true or false"),
            ("'echo', {words: 'a'}", 'words is "a", not an array'),
            ("'echo', {words: [1]}", "words[0] is 1, not a string"),
            ("'echo', 5", "the argument is 5, not an object"),
            ("'add', [1]", "the list of arguments is [1], not of length 2"),
            ("'add', [1, 'x']", 'argument 2 is "x", not a number'),
            ("'cpuCount', 1", "the argument is 1, not expected"),
            ("'subtract'", "there is no function 'subtract' in this module; "),
        ]:
            with self.subTest(call):
                name, text = self.rejection("m.call(%s)" % call)
                self.assertEqual(name, "std::invalid_argument")
                self.assertEqual(text[: len(message)], message)

    def test_an_exception_is_an_error(self):
        self.assertEqual(
            self.rejection("m.call('throw', 'out_of_range')"),
            ("std::out_of_range", "nothing there"),
        )
        self.assertEqual(
            self.rejection("m.call('throw', 'int')"),
            ("Error", "an exception that is no std::exception"),
        )

    def test_takes_every_option_of_parallel_config(self):
        result = self.run_js(
            "return [...await m.call('squares', 4, {backend: 'threading',"
            " n_jobs: 2, verbose: 0, temp_folder: null, max_nbytes: '1M',"
            " mmap_mode: 'c', prefer: null, require: null,"
            " backend_params: {}})]"
        )
        self.assertEqual(result, [0, 1, 4, 9])
        self.assertEqual(
            self.run_js(
                "const q = (o) => m.call('effectiveNJobs', undefined, o);"
                "return [await q({backend: 'threading', n_jobs: 3}),"
                " await q({backend: 'threading', n_jobs: null})];"
            ),
            [3, 1] if self.threads else [1, 1],
        )

    def test_refuses_options_it_does_not_know(self):
        for options, message in [
            ("{n_job: 2}", "the call's options has no 'n_job'; there are: "),
            ("{n_jobs: 'all'}", 'n_jobs is "all", not a number'),
            ("{verbose: 0.5}", "verbose is 0.5, not a whole number"),
            ("{onProgress: 1}", "onProgress is 1, not a function"),
            ("{signal: 1}", "signal is 1, not an AbortSignal"),
            ("null", "a call's options are null, not an object"),
            ("{backend: 'nosuch'}", "Invalid backend: nosuch"),
        ]:
            with self.subTest(options):
                _, text = self.rejection("m.call('squares', 4, %s)" % options)
                self.assertIn(message, text)

    def test_a_backend_without_processes_warns_and_runs(self):
        warnings, result = self.run_js(
            "const warnings = [];"
            "const r = await m.call('squares', 3, {backend: 'loky', n_jobs: 2,"
            " onWarning: (w) => warnings.push(w)});"
            "return [warnings, [...r]];"
        )
        self.assertEqual(result, [0, 1, 4])
        self.assertEqual(
            warnings,
            [
                {
                    "category": "UserWarning",
                    "message": "joblib backend 'loky' is not available on "
                    "your system, falling back to threading.",
                }
            ],
        )

    def test_progress_comes_at_most_once_a_frame_and_with_the_last(self):
        counts, frames = self.run_js(
            "const counts = []; let frames = 0, on = true;"
            "const frame = () => { frames++; if (on) requestAnimationFrame("
            "frame); }; requestAnimationFrame(frame);"
            "await m.call('busy', {tasks: 400, milliseconds: 1},"
            " {backend: 'threading', n_jobs: -1,"
            " onProgress: (p) => counts.push(p)});"
            "on = false; return [counts, frames];"
        )
        self.assertEqual(counts[-1], {"done": 400, "total": 400})
        done = [count["done"] for count in counts]
        self.assertEqual(done, sorted(set(done)))
        # One more than the frames: the last does not wait for its own.
        self.assertLessEqual(len(counts), frames + 2)
        self.assertGreater(len(counts), 1)

    def test_an_abort_ends_the_call(self):
        name, message, done = self.run_js(
            "const stop = new AbortController(); let done = 0;"
            "try {"
            " await m.call('busy', {tasks: 1000000, milliseconds: 1},"
            "  {backend: 'threading', n_jobs: -1, signal: stop.signal,"
            "   onProgress: (p) => { done = p.done; stop.abort(); }});"
            "} catch (e) { return [e.name, e.message, done]; }"
        )
        self.assertEqual(name, "AbortError")
        self.assertIn("abort", message)
        self.assertLess(done, 1000000)
        self.assertEqual(self.run_js("return m.call('add', [1, 2])"), 3)

    def test_a_signals_reason_is_what_the_call_rejects_with(self):
        self.assertEqual(
            self.run_js(
                "const stop = new AbortController();"
                "const first = m.call('busy', {tasks: 1000000},"
                "  {signal: stop.signal, onProgress: () => stop.abort(41)});"
                # Waits behind it, aborted before it has begun.
                "const second = m.call('busy', {tasks: 1000000},"
                "  {signal: stop.signal});"
                "const reasons = [];"
                "for (const call of [first, second])"
                "  await call.catch((e) => reasons.push(e));"
                "await m.call('add', [1, 2], {signal: stop.signal})"
                "  .catch((e) => reasons.push(e));"
                "return reasons;"
            ),
            [41, 41, 41],
        )

    def test_calls_run_in_their_order(self):
        self.assertEqual(
            self.run_js(
                "const ends = [];"
                "await Promise.all(["
                " m.call('busy', {tasks: 50}).then(() => ends.push('busy')),"
                " m.call('add', [1, 2]).then(() => ends.push('add'))]);"
                "return ends;"
            ),
            ["busy", "add"],
        )

    def test_a_hundred_calls(self):
        self.assertEqual(
            self.run_js(
                "let sum = 0;"
                "for (let i = 0; i < 100; ++i) {"
                "  const r = await m.call('squares', 50,"
                "      {backend: 'threading', n_jobs: 1 + i % 7});"
                "  sum += r.reduce((a, b) => a + b);"
                "} return sum;"
            ),
            100 * sum(i * i for i in range(50)),
        )

    def test_more_jobs_than_there_are_threads(self):
        self.assertEqual(
            self.run_js(
                "const r = [];"
                "for (let i = 0; i < 10; ++i) r.push((await m.call('squares',"
                " 1000, {backend: 'threading', n_jobs: 64}))[999]);"
                "return r;"
            ),
            [999 * 999] * 10,
        )
        self.assertGreaterEqual(
            self.run_js(
                "return m.call('busy', {tasks: 200},"
                " {backend: 'threading', n_jobs: 64});"
            ),
            1,
        )

    def test_calls_in_calls(self):
        squares = sum(i * i for i in range(6))
        self.assertEqual(
            self.run_js(
                "const r = [];"
                "for (let i = 0; i < 10; ++i) r.push(await m.call('nested',"
                " 6)); return r;"
            ),
            [6 * squares] * 10,
        )

    def test_memory_does_not_grow(self):
        sizes = self.run_js(
            "const sizes = []; const x = new Float64Array(200000);"
            "for (let i = 0; i < 40; ++i) {"
            "  await m.call('halve', x);"
            "  await m.call('squares', 20000,"
            "      {backend: 'threading', n_jobs: -1});"
            "  sizes.push(m.memoryBytes);"
            "} return sizes;"
        )
        self.assertEqual(sizes[20], sizes[-1])

    def test_the_page_draws_frames_meanwhile(self):
        gap, frames = self.run_js(
            "let last = performance.now(), gap = 0, frames = 0, on = true;"
            "const frame = (now) => { gap = Math.max(gap, now - last);"
            " last = now; frames++; if (on) requestAnimationFrame(frame); };"
            "requestAnimationFrame(frame);"
            "await m.call('busy', {tasks: 20, milliseconds: 50},"
            " {backend: 'threading', n_jobs: -1});"
            "on = false; return [gap, frames];"
        )
        print("longest gap between frames: %.0f ms, %d frames" % (gap, frames))
        # Half a second's work on two threads at least; of a busy machine.
        self.assertGreater(frames, 5)

    def test_what_cannot_travel_rejects(self):
        name, _ = self.rejection("m.call('add', () => 1)")
        self.assertEqual(name, "DataCloneError")

    def test_a_module_that_ends_tells_every_call(self):
        self.run_js(LOAD + "self.ended = await load(%s);" % self.options)
        name, message = self.rejection("ended.call('throw', 'trap')")
        self.assertEqual(name, "Error")
        self.assertIn("the WebAssembly module has ended", message)
        self.assertIn("unreachable", message)
        self.assertEqual(
            self.rejection("ended.call('add', [1, 2])"), (name, message)
        )

    def test_a_closed_module_rejects(self):
        self.run_js(LOAD + "self.shut = await load(%s);" % self.options)
        self.run_js(
            "self.waiting = shut.call('busy', {tasks: 1000000});"
            "waiting.catch(() => {}); shut.close();"
        )
        message = "this module is closed: load() another one"
        self.assertEqual(self.rejection("waiting"), ("Error", message))
        self.assertEqual(
            self.rejection("shut.call('add', [1, 2])"), ("Error", message)
        )


class WithThreads(BothModules, unittest.TestCase):
    def test_takes_as_many_threads_as_it_is_told(self):
        self.run_js(LOAD + "self.three = await load({cpuCount: 3});")
        self.assertEqual(
            self.run_js(
                "const o = {backend: 'threading', n_jobs: -1};"
                "return [three.cpuCount, await three.call('cpuCount'),"
                " await three.call('effectiveNJobs', undefined, o),"
                " await three.call('busy', {tasks: 300}, o),"
                " three.close()];"
            ),
            [3, 3, 3, 3, None],
        )

    def test_one_thread_is_enough(self):
        self.run_js(LOAD + "self.one = await load({cpuCount: 1});")
        self.assertEqual(
            self.run_js(
                "const o = {backend: 'threading', n_jobs: 5};"
                "return [await one.call('nested', 4), "
                " (await one.call('squares', 100, o))[99], one.close()];"
            ),
            [4 * 14, 99 * 99, None],
        )


class WithoutIsolation(BothModules, unittest.TestCase):
    isolated = False
    threads = False

    def test_refuses_threads_in_words(self):
        name, message = self.rejection(
            "(async () => { %s await load({threads: true}); })()" % LOAD
        )
        self.assertEqual(name, "Error")
        self.assertIn("Cross-Origin-Opener-Policy: same-origin", message)


class PlainByChoice(BothModules, unittest.TestCase):
    options = "{threads: false}"
    threads = False


if __name__ == "__main__":
    site.main()
