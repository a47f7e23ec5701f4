"""What a page loads of a module, in bytes after brotli."""

import os
import subprocess

SQUARES = "tests/browser/modules/squares"
DEMO = "wasm/demo/page"
# What a page never asks for.
OTHER_FILES = (".d.mts", "package.json", "README.md")

# What, its folder, what is left out of it, at most so many kB if it is held.
TABLE = [
    ("one Parallel call, plain", SQUARES, "/threads/", 65),
    ("one Parallel call, threads", SQUARES, "/plain/", None),
    ("demo, plain", DEMO, "/threads/", 200),
    ("demo, threads", DEMO, "/plain/", None),
]


def compressed(paths):
    """Brotli is what every browser asks for; node has it."""
    script = (
        "const z = require('zlib'), f = require('fs'); console.log(process.argv"
        ".slice(1).reduce((n, p) => n + z.brotliCompressSync("
        "f.readFileSync(p)).length, 0))"
    )
    node = [os.environ.get("NODE", "node"), "-e", script]
    return int(subprocess.check_output(node + paths))


def _files_below(folder, left_out):
    found = []
    for parent, _, names in os.walk(folder, followlinks=True):
        found += [os.path.join(parent, name) for name in names]
    return [
        path
        for path in found
        if not path.endswith(OTHER_FILES) and left_out not in path
    ]


def measured():
    """The table's rows: what, bytes, the limit in kB."""
    for what, folder, left_out, limit in TABLE:
        yield what, compressed(_files_below(folder, left_out)), limit
