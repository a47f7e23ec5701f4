#!/usr/bin/env python3
"""Reads the #includes and refuses an arrow that points up.

    tools/check_layers.py [ROOT]    ROOT: the work tree, default this one

The layers, from the top (lib/joblib unless said otherwise):

    bindings   wasm/bindings, joblib.h   public headers only
    parallel   *.h (public), parallel/   core, array, native, builtin_backends.h
    backends   backends/X                core, native, never a sibling;
                                         platform.h is shared by all
    array      array/                    core, native
    core       core/                     Abseil, cereal, the standard library
    native     native/ (beside core)     Abseil, hwloc, the system

tests/, tools/ and wasm/demo may include any of them. What asks the operating
system for anything lives in native/ (and wasm/): elsewhere no system header, no
platform `#if`, no file name that ends in _linux or _wasm. What a user's program
compiles, the public headers and all that they include, is free of Abseil and
hwloc. Prints a line for each offence and exits with 1.
"""

import os
import re
import sys

# Files outside native/ and wasm/ that may include system headers: tests that
# drive processes, or compare with what the system itself says.
SYSTEM_EXCEPTIONS = {
    "tests/array/no_space_test.cc": "is the disk that is full",
    "tests/array/program_killed_test.cc": "kills programs",
    "tests/array/recycled_results_test.cc": "forks",
    "tests/array/results_test.cc": "uses all maps up",
    "tests/backends/cluster/cluster_tasks.h": "kills processes",
    "tests/backends/cluster/dask_test.cc": "asks for its parent",
    "tests/backends/cluster/engine_process.h": "finds a free port, ends processes",
    "tests/backends/cluster/engine_python.cc": "asks for the user's folder",
    "tests/backends/cluster/two_hosts_program.cc": "asks for the host's name",
    "tests/backends/loky/chaos_test.cc": "kills and stops workers",
    "tests/backends/loky/debugging_test.cc": "attaches as a debugger does",
    "tests/backends/loky/descriptors_test.cc": "lowers limits",
    "tests/backends/loky/gone_wild_test.cc": "writes where no task should",
    "tests/backends/loky/guest_closes_all_test.cc": "closes descriptors",
    "tests/backends/loky/guest_kernel_test.cc": "filters system calls",
    "tests/backends/loky/guest_life_test.cc": "forks",
    "tests/backends/loky/guest_moves_test.cc": "execs, stops, changes its user",
    "tests/backends/loky/guest_start_test.cc": "ends before main",
    "tests/backends/loky/guest_test.cc": "waits for any child",
    "tests/backends/loky/hostile_task_test.cc": "what no task should do",
    "tests/backends/loky/limits_test.cc": "lowers limits",
    "tests/backends/loky/namespaces_test.cc": "changes root and rights",
    "tests/backends/loky/program_ends_test.cc": "kills programs",
    "tests/backends/loky/surroundings_test.cc": "sets what workers have",
    "tests/backends/process/channel_test.cc": "inherits a descriptor",
    "tests/backends/process/wild_worker_test.cc": "sends what no worker sends",
    "tests/backends/threading/thread_pool_fork_test.cc": "forks",
    "tests/benchmarks/array_benchmark.cc": "stops workers to look at them",
    "tests/benchmarks/array_plain.cc": "what one does by hand",
    "tests/benchmarks/bare_processes.cc": "what the peers are made of",
    "tests/consumers/c_main/work.cc": "a program, not a test",
    "tests/consumers/forks/program.cc": "a program, not a test",
    "tests/consumers/googletest/work_test.cc": "a program, not a test",
    "tests/consumers/library/both.cc": "a program, not a test",
    "tests/consumers/library/scaler.cc": "a program, not a test",
    "tests/consumers/program/program.cc": "a program, not a test",
    "tests/contract/pipe_backend_contract_test.cc": "a backend with processes",
    "tests/native/affinity_process_test.cc": "sets the affinity it expects",
    "tests/native/child_process_test.cc": "asks what a child inherits",
    "tests/native/code_address_test.cc": "loads and unloads a library",
    "tests/native/cpu_count_machine_test.cc": "asks for the affinity itself",
    "tests/native/descriptor_socket_test.cc": "sends descriptors",
    "tests/native/first_copy_test.cc": "loads a library",
    "tests/native/fork_mark_test.cc": "forks",
    "tests/native/heavy_fence_threads_test.cc": "forks",
    "tests/native/hook_program.cc": "a program, not a test",
    "tests/native/hook_program_test.cc": "runs programs",
    "tests/native/main_hook_test.cc": "asks what a worker inherits",
    "tests/native/own_worker.cc": "ends as a worker does",
    "tests/native/pin_module_test.cc": "loads and unloads a library",
    "tests/native/shared_futex_test.cc": "forks",
    "tests/native/shared_memory_test.cc": "forks, sets limits",
    "tests/native/terminal_test.cc": "makes a terminal",
    "tests/native/thread_process_test.cc": "forks",
    "tests/parallel/copies_plugin.cc": "says which process it is in",
    "tests/parallel/copies_test.cc": "loads a library",
    "tests/parallel/program_end_test.cc": "loads and unloads a library",
    "tests/parallel/progress_terminal_test.cc": "makes a terminal",
    "tests/parallel/two_versions_test.cc": "loads a library",
    "tests/testing/shared_words_mapped.cc": "maps what its processes share",
}

SOURCE_SUFFIXES = (".h", ".cc", ".inc")
SOURCE_FOLDERS = ("lib", "native", "wasm", "tests", "tools")
PUBLIC = "public"

# A file's room: the first pattern that matches its path.
ROOMS = [
    (r"native/", "native"),
    (r"lib/joblib/core/", "core"),
    (r"lib/joblib/array/", "array"),
    (r"lib/joblib/backends/(builtin_\w+|no_clusters|no_workers)\.", "builtin_backends"),
    (r"lib/joblib/backends/(\w+)[/.]", r"backends/\1"),
    (r"lib/joblib/parallel/", "parallel"),
    (r"lib/joblib/joblib\.h$", "umbrella"),
    (r"lib/joblib/eigen\.h$", "eigen"),  # Optional: included by no other.
    (r"lib/joblib/\w+\.h$", PUBLIC),
    (r"lib/joblib/\w+\.cc$", "parallel"),
    (r"wasm/demo/", "free"),  # The page of one of tools/examples.
    (r"wasm/", "bindings"),
    (r"(tests|tools)/", "free"),
]

# What a room may include of ours: rooms, or one file by its spelling. Its own
# room goes without saying. `builtin_backends` also sees all of backends/.
_PARALLEL = [
    "parallel",
    PUBLIC,
    "core",
    "array",
    "native",
    "joblib/backends/builtin_backends.h",
    "joblib/backends/builtin_clusters.h",
    "backends/platform",
]
# platform.h: what the machine offers, the one header that all of them share.
_BACKEND = ["core", "native", "backends/platform"]
MAY_INCLUDE = {
    "native": [],
    # What copies of the library share concerns the values themselves.
    "core": ["native/first_copy.h"],
    "array": ["core", "native"],
    "builtin_backends": _BACKEND,
    "backends/loky": _BACKEND + ["backends/process"],
    "backends/multiprocessing": _BACKEND + ["backends/process"],
    "backends/cluster": _BACKEND + ["backends/process"],
    PUBLIC: _PARALLEL,
    "parallel": _PARALLEL,
    "umbrella": [PUBLIC],
    "eigen": [PUBLIC, "core", "array"],
    "bindings": ["umbrella", PUBLIC],
}

# Libraries by the first part of their headers' names, and who may use them.
LIBRARIES = {
    "absl": "native core array backends parallel bindings".split(),
    "hwloc": ["native"],
    "cereal": ["core", "parallel", "eigen"],
    "Eigen": ["eigen"],
    "benchmark": [],
    "gmock": [],
    "gtest": [],
    "oneapi": [],
    "tbb": [],
}

# Never reached from a public header: a user's compile time, and vendoring.
NOT_PUBLIC = ("absl", "hwloc")

SYSTEM_HEADER = re.compile(
    r"(sys|linux|asm|arpa|net|netinet|emscripten|hwloc|mach)/"
    r"|(emscripten|hwloc)\.h$"
    r"|(unistd|fcntl|pthread|sched|dlfcn|link|elf|poll|spawn|dirent|termios"
    r"|syscall|semaphore|signal|execinfo|ucontext|windows)\.h$"
)
# <vector>, <cstdint>; <cxxabi.h> belongs to the C++ runtime on every platform.
STANDARD_HEADER = re.compile(r"\w+$|cxxabi\.h$")
PLATFORM_MACRO = re.compile(
    r"\b(__EMSCRIPTEN\w*|__wasm\w*|__linux(__)?|__gnu_linux__|__ANDROID__"
    r"|__APPLE__|__MACH__|_WIN32|_WIN64|WIN32|__CYGWIN__|__unix(__)?|unix"
    r"|__FreeBSD__|__GLIBC__|linux)\b"
)
CONDITION = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef)\b(.*)")
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def room_of(path):
    """The room of a file of ours, None if it has none."""
    for pattern, room in ROOMS:
        match = re.match(pattern, path)
        if match:
            return match.expand(room)
    return None


def path_of(spelling):
    """The path of an included header of ours, None for a library's."""
    if spelling.startswith("joblib/"):
        return "lib/" + spelling
    if spelling.split("/")[0] in SOURCE_FOLDERS and "/" in spelling:
        return spelling
    return None


def code_lines(text):
    """(number, line) without comments, continued lines as one."""
    # Line breaks inside of a comment stay: the numbers have to be right.
    text = re.sub(
        r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/',
        lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]+", " ", m[0]),
        text,
        flags=re.DOTALL,
    )
    lines = enumerate(text.split("\n"), start=1)
    for number, line in lines:
        while line.endswith("\\"):
            line = line[:-1] + next(lines, (0, ""))[1]
        yield number, line


def includes_of(text):
    """(number, spelling, whether in quotes) of each #include."""
    for number, line in code_lines(text):
        match = INCLUDE.match(line)
        if match:
            yield number, match[2], match[1] == '"'


class Checker:
    """Checks one tree; `offences` lists the lines to print."""

    def __init__(self, root):
        self.offences = []
        self.texts = {}
        self._not_public = set()  # (path, line) of those already told.
        for folder in SOURCE_FOLDERS:
            self._read(root, folder)

    def _read(self, root, folder):
        for parent, folders, names in os.walk(os.path.join(root, folder)):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for name in sorted(names):
                if name.endswith(SOURCE_SUFFIXES):
                    full = os.path.join(parent, name)
                    path = os.path.relpath(full, root).replace(os.sep, "/")
                    with open(full, encoding="utf-8") as stream:
                        self.texts[path] = stream.read()

    def check(self):
        for path, text in self.texts.items():
            room = room_of(path)
            if room is None:
                self._add(path, 0, "a file in none of the rooms")
                continue
            for number, spelling, quoted in includes_of(text):
                self._check_include(path, room, number, spelling, quoted)
            talks_to_system = room in ("native", "bindings")
            if not talks_to_system:
                self._check_platform(path, text)
            if room in (PUBLIC, "umbrella", "eigen"):
                self._check_public(path)
        return self.offences

    def _add(self, path, number, what):
        place = "%s:%d" % (path, number) if number else path
        self.offences.append("%s: %s" % (place, what))

    def _check_include(self, path, room, number, spelling, quoted):
        target = path_of(spelling)
        if target is not None:
            target_room = room_of(target) or "no room"
            if not self._may_include(room, spelling, target_room):
                arrow = "%s -> %s" % (room, target_room)
                self._add(path, number, "%s: %s" % (arrow, spelling))
            return
        library = re.split(r"[/.]", spelling)[0]
        if library in LIBRARIES and (quoted or not STANDARD_HEADER.match(spelling)):
            self._check_library(path, room, number, spelling, library)
        elif quoted:
            # "dispatcher.h": a reader cannot see whose it is.
            what = "spell it from the top: %s" % spelling
            self._add(path, number, what)
        elif room == "core" and not STANDARD_HEADER.match(spelling):
            self._add(path, number, "core -> system: <%s>" % spelling)

    def _may_include(self, room, spelling, target_room):
        if room in ("free", target_room):
            return True
        if target_room == "free":
            return False
        if room == "builtin_backends" and target_room.startswith("backends/"):
            return True
        allowed = MAY_INCLUDE.get(room)
        if allowed is None:  # A backend without a line of its own.
            allowed = _BACKEND
        return target_room in allowed or spelling in allowed

    def _check_library(self, path, room, number, spelling, library):
        layer = room.split("/")[0]
        if layer == "builtin_backends":
            layer = "backends"
        if layer in (PUBLIC, "umbrella"):
            layer = "parallel"
        if layer != "free" and layer not in LIBRARIES[library]:
            self._add(path, number, "%s -> %s: %s" % (room, library, spelling))

    def _check_platform(self, path, text):
        stem = os.path.splitext(os.path.basename(path))[0]
        if stem.endswith(("_linux", "_wasm")):
            self._add(path, 0, "a platform's file outside of native/")
        for number, line in code_lines(text):
            include = path not in SYSTEM_EXCEPTIONS and INCLUDE.match(line)
            if include and SYSTEM_HEADER.match(include[2]):
                what = "asks the system outside of native/: <%s>" % include[2]
                self._add(path, number, what)
            condition = CONDITION.match(line)
            macro = condition and PLATFORM_MACRO.search(condition[2])
            if macro:
                what = "#%s %s outside of native/" % (condition[1], macro[0])
                self._add(path, number, what)

    def _check_public(self, path):
        """Follows what the public header `path` includes, file by file."""
        chains = {path: path}
        todo = [path]
        while todo:
            current = todo.pop()
            for number, spelling, _ in includes_of(self.texts[current]):
                chain = "%s -> %s" % (chains[current], spelling)
                library = re.split(r"[/.]", spelling)[0]
                place = (current, number)
                if library in NOT_PUBLIC and place not in self._not_public:
                    self._not_public.add(place)
                    what = "reached from a public header: " + chain
                    self._add(current, number, what)
                target = path_of(spelling)
                if target in self.texts and target not in chains:
                    chains[target] = chain
                    todo.append(target)


def main(arguments):
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    checker = Checker(arguments[0] if arguments else here)
    offences = checker.check()
    for offence in offences:
        print(offence)
    print(
        "check_layers: %d files, %d offences"
        % (len(checker.texts), len(offences))
    )
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
