#!/usr/bin/env python3
"""Writes compile_commands.json, for clangd and clang-tidy.

    tools/compile_commands.py [BAZEL OPTIONS] [TARGETS, by default //...]
    clang-tidy-14 -p . lib/joblib/core/config.cc

Build the same targets first: the headers are found where Bazel links them.
--config=clang gives the commands of clang++, which its tools read best. With
--only-known it writes nothing, but prints those of the files named on standard
input that compile_commands.json knows. $BAZEL, if set, is the command to call
instead of `bazel`.
"""

import json
import os
import shlex
import subprocess
import sys

BAZEL = shlex.split(os.environ.get("BAZEL", "bazel"))
OUTPUT = "compile_commands.json"
# Of g++ alone: clang's tools stop at them.
GCC_ONLY = {"-fno-canonical-system-headers", "-Wunused-but-set-parameter"}


def bazel(*arguments):
    """What the Bazel command prints."""
    result = subprocess.run(
        BAZEL + list(arguments),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return result.stdout.strip()


def write_commands(options, targets):
    root = bazel("info", "execution_root")
    query = 'mnemonic("CppCompile", %s)' % " + ".join(targets or ["//..."])
    answer = bazel(
        "aquery",
        "--output=jsonproto",
        "--include_artifacts=false",
        *options,
        query
    )
    commands = {}
    for action in json.loads(answer).get("actions", []):
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if source.startswith(("external/", "bazel-out/")):
            continue
        path = os.path.abspath(source)
        arguments = [
            path if argument == source else argument
            for argument in arguments
            if argument not in GCC_ONLY
        ]
        entry = {"directory": root, "file": path, "arguments": arguments}
        commands.setdefault(path, entry)
    with open(OUTPUT, "w", encoding="utf-8") as stream:
        json.dump(list(commands.values()), stream, indent=1)
    print("%s: %d files" % (OUTPUT, len(commands)))


def print_known(paths):
    with open(OUTPUT, encoding="utf-8") as stream:
        known = {entry["file"] for entry in json.load(stream)}
    for path in paths:
        if os.path.abspath(path) in known:
            print(path)


def main(arguments):
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if arguments == ["--only-known"]:
        print_known(sys.stdin.read().split())
        return 0
    options = [a for a in arguments if a.startswith("--")]
    targets = [a for a in arguments if not a.startswith("--")]
    try:
        write_commands(options, targets)
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
