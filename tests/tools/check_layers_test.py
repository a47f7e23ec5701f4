"""The layers hold in this repository, and check_layers tells where not."""

import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.abspath("tools/check_layers.py")
WORK_TREE = os.path.dirname(os.path.realpath("WORKSPACE"))


def run(root):
    """check_layers on the tree `root`: its exit code and its lines."""
    result = subprocess.run(
        [sys.executable, SCRIPT, root],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    return result.returncode, result.stdout.splitlines()


class RepositoryTest(unittest.TestCase):
    def test_no_arrow_points_up(self):
        code, lines = run(WORK_TREE)
        self.assertEqual(code, 0, "\n".join(lines))


class BadTreeTest(unittest.TestCase):
    def offences(self, files):
        """The offences in a tree of `files`, {path: text}."""
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as stream:
                    stream.write(text)
            code, lines = run(root)
        self.assertIn("check_layers: %d files" % len(files), lines[-1])
        self.assertEqual(code, 1 if lines[:-1] else 0, lines)
        return lines[:-1]

    def assert_refused(self, path, text, offence):
        self.assertEqual(self.offences({path: text}), [offence])

    def assert_accepted(self, path, text):
        self.assertEqual(self.offences({path: text}), [])

    def test_what_each_room_may_include_is_accepted(self):
        self.assert_accepted(
            "lib/joblib/core/config.cc",
            '#include "joblib/core/config.h"\n#include <vector>\n'
            '#include "absl/strings/str_cat.h"\n',
        )
        self.assert_accepted(
            "lib/joblib/array/temp_folder.cc",
            '#include "joblib/core/config.h"\n#include "native/files.h"\n',
        )
        self.assert_accepted(
            "lib/joblib/backends/loky/loky_backend.cc",
            '#include "joblib/backends/loky/loky_backend.h"\n'
            '#include "joblib/backends/process/process_pool.h"\n'
            '#include "joblib/core/array_memory.h"\n',
        )
        self.assert_accepted(
            "lib/joblib/backends/builtin_backends.cc",
            '#include "joblib/backends/sequential_backend.h"\n'
            '#include "joblib/backends/threading/threading_backend.h"\n',
        )
        self.assert_accepted(
            "lib/joblib/parallel/backend_choice.cc",
            '#include "joblib/backends/builtin_backends.h"\n'
            '#include "joblib/parallel_config.h"\n'
            '#include "native/cpu_count.h"\n',
        )
        self.assert_accepted(
            "native/cpu_count_hwloc.cc",
            "#include <hwloc.h>\n#include <sys/stat.h>\n#ifdef __linux__\n",
        )
        self.assert_accepted("wasm/bindings/a.cc", "#include <emscripten.h>\n")
        self.assert_accepted(
            "tests/core/config_test.cc",
            '#include "gtest/gtest.h"\n#include "joblib/core/config.h"\n'
            '#include "joblib/backends/threading/thread_pool.h"\n',
        )

    def test_core_sees_no_other_layer(self):
        self.assert_refused(
            "lib/joblib/core/n_jobs.cc",
            '// Line 1.\n#include "native/cpu_count.h"\n',
            "lib/joblib/core/n_jobs.cc:2: core -> native: native/cpu_count.h",
        )
        self.assert_refused(
            "lib/joblib/core/n_jobs.cc",
            '#include "joblib/errors.h"\n',
            "lib/joblib/core/n_jobs.cc:1: core -> public: joblib/errors.h",
        )
        self.assert_refused(
            "lib/joblib/core/n_jobs.cc",
            "#include <time.h>\n",
            "lib/joblib/core/n_jobs.cc:1: core -> system: <time.h>",
        )

    def test_native_sees_nothing_of_joblib(self):
        self.assert_refused(
            "native/process_linux.cc",
            '#include "joblib/core/task.h"\n',
            "native/process_linux.cc:1: native -> core: joblib/core/task.h",
        )

    def test_array_sees_no_backend(self):
        self.assert_refused(
            "lib/joblib/array/auto_memmap.cc",
            '#include "joblib/backends/process/worker_main.h"\n',
            "lib/joblib/array/auto_memmap.cc:1: array -> backends/process: "
            "joblib/backends/process/worker_main.h",
        )

    def test_no_backend_sees_a_sibling(self):
        self.assert_refused(
            "lib/joblib/backends/loky/loky_backend.cc",
            '#include "joblib/backends/threading/thread_pool.h"\n',
            "lib/joblib/backends/loky/loky_backend.cc:1: backends/loky -> "
            "backends/threading: joblib/backends/threading/thread_pool.h",
        )
        self.assert_refused(
            "lib/joblib/backends/threading/threading_backend.cc",
            '#include "joblib/backends/process/worker_main.h"\n',
            "lib/joblib/backends/threading/threading_backend.cc:1: "
            "backends/threading -> backends/process: "
            "joblib/backends/process/worker_main.h",
        )
        self.assert_refused(
            "lib/joblib/backends/cluster/bridge.cc",
            '#include "joblib/backends/builtin_backends.h"\n',
            "lib/joblib/backends/cluster/bridge.cc:1: backends/cluster -> "
            "builtin_backends: joblib/backends/builtin_backends.h",
        )

    def test_parallel_sees_backends_through_builtin_backends_alone(self):
        self.assert_refused(
            "lib/joblib/parallel/dispatcher.cc",
            '#include "joblib/backends/threading/thread_pool.h"\n',
            "lib/joblib/parallel/dispatcher.cc:1: parallel -> "
            "backends/threading: joblib/backends/threading/thread_pool.h",
        )

    def test_umbrella_and_bindings_see_public_headers_only(self):
        self.assert_refused(
            "lib/joblib/joblib.h",
            '#include "joblib/parallel.h"\n'
            '#include "joblib/parallel/dispatcher.h"\n',
            "lib/joblib/joblib.h:2: umbrella -> parallel: "
            "joblib/parallel/dispatcher.h",
        )
        self.assert_refused(
            "wasm/bindings/module.cc",
            '#include "joblib/joblib.h"\n#include "native/environment.h"\n',
            "wasm/bindings/module.cc:2: bindings -> native: "
            "native/environment.h",
        )

    def test_the_library_sees_no_test(self):
        self.assert_refused(
            "lib/joblib/parallel/dispatcher.cc",
            '#include "tests/testing/fake_backend.h"\n',
            "lib/joblib/parallel/dispatcher.cc:1: parallel -> free: "
            "tests/testing/fake_backend.h",
        )
        self.assert_refused(
            "lib/joblib/parallel/dispatcher.cc",
            '#include "gtest/gtest_prod.h"\n',
            "lib/joblib/parallel/dispatcher.cc:1: parallel -> gtest: "
            "gtest/gtest_prod.h",
        )

    def test_an_include_is_spelled_from_the_top(self):
        self.assert_refused(
            "lib/joblib/parallel/dispatcher.cc",
            '#include "dispatcher.h"\n',
            "lib/joblib/parallel/dispatcher.cc:1: spell it from the top: "
            "dispatcher.h",
        )

    def test_system_headers_stay_in_native(self):
        headers = (
            "sys/mman.h unistd.h fcntl.h pthread.h sched.h dlfcn.h link.h "
            "linux/futex.h emscripten.h emscripten/threading.h hwloc/linux.h"
        ).split()
        paths = [
            "lib/joblib/array/a.cc",
            "lib/joblib/parallel.cc",
            "tests/core/a_test.cc",
            "tools/examples/a.cc",
        ]
        text = "".join("#include <%s>\n" % header for header in headers)
        offences = self.offences({path: text for path in paths})
        for path in paths:
            for number, header in enumerate(headers, start=1):
                self.assertIn(
                    "%s:%d: asks the system outside of native/: <%s>"
                    % (path, number, header),
                    offences,
                )

    def test_platform_conditions_stay_in_native(self):
        macros = "__EMSCRIPTEN__ __linux__ __APPLE__ _WIN32 __unix__".split()
        path = "lib/joblib/parallel/a.cc"
        for directive, line in (
            ("ifdef", "#ifdef %s\n\n"),
            ("if", "# if 1 && \\\n  defined(%s)\n"),
            ("elif", "#elif !defined(%s)\n\n"),
        ):
            text = "".join(line % macro for macro in macros)
            self.assertEqual(
                self.offences({path: text}),
                [
                    "%s:%d: #%s %s outside of native/"
                    % (path, 1 + 2 * i, directive, macro)
                    for i, macro in enumerate(macros)
                ],
            )

    def test_platform_files_stay_in_native(self):
        for path in (
            "lib/joblib/array/temp_folder_linux.cc",
            "tests/testing/child_process_wasm.h",
        ):
            what = "%s: a platform's file outside of native/" % path
            self.assert_refused(path, "", what)
        self.assert_accepted("native/memory_map_wasm.cc", "")

    def test_public_headers_reach_neither_abseil_nor_hwloc(self):
        self.assertEqual(
            self.offences(
                {
                    "lib/joblib/errors.h": '#include "joblib/core/errors.h"\n',
                    "lib/joblib/core/errors.h": "#include <string>\n\n"
                    '#include "absl/status/status.h"\n',
                    # A source file may.
                    "lib/joblib/core/errors.cc": "#include <string>\n\n"
                    '#include "absl/status/status.h"\n',
                }
            ),
            [
                "lib/joblib/core/errors.h:3: reached from a public header: "
                "lib/joblib/errors.h -> joblib/core/errors.h -> "
                "absl/status/status.h"
            ],
        )

    def test_comments_are_no_includes(self):
        self.assert_accepted(
            "lib/joblib/core/a.cc",
            '//   #include "joblib/joblib.h"\n/*\n#include <unistd.h>\n'
            '#ifdef __linux__\n*/\nconst char* kText = "/*";\n'
            '#include "joblib/core/a.h"  // "/*"\n',
        )

    def test_a_file_belongs_to_a_room(self):
        path = "lib/other/a.cc"
        self.assert_refused(path, "", path + ": a file in none of the rooms")


if __name__ == "__main__":
    unittest.main()
