"""Prints how large and how fast the modules are, as a table.

    bazel run -c opt //tests/browser:measure

Each time is the best of some rounds, one after the other in one browser.
"""

import re
import statistics
import subprocess
import sys

from tests.browser import chromium, site, sizes

DEMO = "wasm/demo/page"
NATIVE = "tools/examples/digits_forest/digits_forest"
TREES = 500
ROUNDS = 7

TRAIN = """
const load = (await import('/digits/digits.mjs')).default;
const m = await load({threads: arguments[0]});
let best = Infinity;
for (let i = 0; i < arguments[1]; ++i) {
  const o = {n_jobs: arguments[0] ? -1 : 1};
  const t = await m.call('train', {trees: arguments[2]}, o);
  best = Math.min(best, t.milliseconds);
}
m.close();
return best;
"""
FIRST_RESULT = """
const begin = performance.now();
const load = (await import('/digits/digits.mjs?' + begin)).default;
const m = await load({threads: arguments[0]});
await m.call('heldOut', 0);
const time = performance.now() - begin;
m.close();
return time;
"""


def row(what, value, limit=""):
    print("| %s | %s | %s |" % (what, value, limit), flush=True)


def print_sizes():
    for what, size, limit in sizes.measured():
        kilobytes = "%.0f kB" % (size / 1000)
        row(what + ", compressed", kilobytes, limit and "< %d kB" % limit or "")


def native_seconds():
    """Of a forest with n_jobs=1, the best of the rounds."""
    times = []
    for _ in range(ROUNDS):
        said = subprocess.run(
            [NATIVE, "--trees=%d" % TREES, "--backend=sequential"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        ).stdout
        times.append(float(re.search(r"n_jobs=1: +([\d.]+) s", said)[1]))
    return min(times)


def speeds():
    server = site.start(DEMO, isolated=True)
    with chromium.Chromium() as browser:
        browser.open(server.url)
        plain = browser.run(TRAIN, False, ROUNDS, TREES)
        threads = browser.run(TRAIN, True, ROUNDS, TREES)
        row("%d trees, plain" % TREES, "%.0f ms" % plain)
        row("%d trees, threads" % TREES, "%.0f ms" % threads)
        row("threads over plain", "%.2f x" % (plain / threads), ">= 1.7 x")
        native = 1000 * native_seconds()
        row("%d trees, native, n_jobs=1" % TREES, "%.0f ms" % native)
        row("plain over native", "%.2f x" % (plain / native), "<= 2.5 x")
        for threads, limit in [(False, "< 300 ms"), (True, "< 500 ms")]:
            times = [browser.run(FIRST_RESULT, threads) for _ in range(ROUNDS)]
            row(
                "load to first result, %s"
                % ("threads" if threads else "plain"),
                "%.0f ms" % statistics.median(times[1:]),
                limit,
            )
    server.shutdown()


def main():
    row("measure", "here", "must be")
    row("---", "---", "---")
    print_sizes()
    speeds()
    return 0


if __name__ == "__main__":
    sys.exit(main())
