"""Prints how large and how fast the modules are, as a table.

    bazel run -c opt //tests/browser:measure

Each time is the best of some rounds, one after the other in one browser.
"""

import os
import re
import statistics
import subprocess
import sys

from tests.browser import chromium, site

DEMO = "wasm/demo/page"
SQUARES = "tests/browser/modules/squares"
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


def compressed(paths):
    """Bytes after brotli, which every browser asks for; node has it."""
    script = (
        "const z = require('zlib'), f = require('fs'); console.log(process.argv"
        ".slice(1).reduce((n, p) => n + z.brotliCompressSync("
        "f.readFileSync(p)).length, 0))"
    )
    node = [os.environ.get("NODE", "node"), "-e", script]
    return int(subprocess.check_output(node + paths))


def files_below(folder, *left_out):
    found = []
    for parent, _, names in os.walk(folder, followlinks=True):
        found += [os.path.join(parent, name) for name in names]
    return [
        path
        for path in found
        if not path.endswith((".d.mts", "package.json"))
        and not any(part in path for part in left_out)
    ]


def sizes():
    for what, folder, left_out, limit in [
        ("one Parallel call, plain", SQUARES, "/threads/", "< 60 kB"),
        ("one Parallel call, threads", SQUARES, "/plain/", ""),
        ("demo, plain", DEMO, "/threads/", "< 200 kB"),
        ("demo, threads", DEMO, "/plain/", ""),
    ]:
        size = compressed(files_below(folder, left_out))
        row(what + ", compressed", "%.0f kB" % (size / 1000), limit)


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
    sizes()
    speeds()
    return 0


if __name__ == "__main__":
    sys.exit(main())
