"""Programs built against the installed tree as their owners would."""

import os
import re
import subprocess
import unittest

import installed

_ROOT = installed.ROOT


def text_of(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as stream:
        return stream.read()


class CMakeTest(installed.ConsumerTest):
    def test_links_the_archive(self):
        build = self.cmake("program", self.shared, TARGET="joblib::joblib_static")
        self.assertEqual(self.run_in(build, "./program"), "ok\n")
        self.assertNotIn("libjoblib", self.run_in(build, "ldd", "program"))

    def test_links_the_shared_library_below_a_path_with_a_space(self):
        prefix = self.install("shared tree", lambda name: True)
        build = self.cmake("program", prefix, TARGET="joblib::joblib")
        self.assertEqual(self.run_in(build, "./program"), "ok\n")
        self.assertIn("libjoblib.so.0.1 =>", self.run_in(build, "ldd", "program"))

    def test_links_a_fully_static_program(self):
        build = self.cmake("program", self.static, TARGET="joblib::fully_static")
        self.assertEqual(self.run_in(build, "./program"), "ok\n")
        self.assertNotIn("INTERP", self.run_in(build, "readelf", "-lW", "program"))

    def test_refuses_another_version(self):
        place = self.copy_of("program")
        text = text_of(place, "CMakeLists.txt")
        for version, fits in [
            ("", True),
            ("0", True),
            ("0.1", True),
            ("0.1.0", True),
            ("0.1.1", False),
            ("0.2", False),
            ("0.0", False),
            ("1", False),
        ]:
            with open(os.path.join(place, "CMakeLists.txt"), "w") as stream:
                stream.write(text.replace("joblib 0.1", "joblib " + version))
            result = self.result_of(
                place,
                "cmake",
                "-B",
                "build",
                "-DTARGET=joblib::joblib",
                "-DCMAKE_PREFIX_PATH=" + self.static,
            )
            self.assertEqual(result.returncode == 0, fits, version + result.stdout)


class PkgConfigTest(installed.ConsumerTest):
    def build(self, prefix, *extra, flags=("--cflags", "--libs")):
        place = self.copy_of("program")
        self.run_in(
            place,
            "g++",
            "-std=c++20",
            "program.cc",
            "-o",
            "program",
            *self.pkg_config(prefix, *flags),
            *extra,
        )
        return place

    def test_links_the_archive(self):
        place = self.build(self.static)
        self.assertEqual(self.run_in(place, "./program"), "ok\n")

    def test_links_the_shared_library_in_a_moved_tree(self):
        moved = os.path.join(self.folder, "moved")
        os.rename(self.shared, moved)
        self.addCleanup(os.rename, moved, self.shared)
        place = self.build(moved, "-Wl,-rpath=" + os.path.join(moved, "lib"))
        self.assertEqual(self.run_in(place, "./program"), "ok\n")

    def test_has_a_header_for_those_who_have_eigen(self):
        place = self.copy_of("eigen")
        flags = self.pkg_config(self.static, "--cflags", "--libs")
        flags += self.run_in(place, "pkg-config", "--cflags", "eigen3").split()
        self.run_in(place, "g++", "-std=c++20", "eigen.cc", "-o", "eigen", *flags)
        self.assertEqual(self.run_in(place, "./eigen"), "10 20\n")

    def test_gdb_shows_arrays_by_their_elements(self):
        place = self.copy_of("gdb")
        flags = self.pkg_config(self.static, "--cflags", "--libs")
        self.run_in(place, "g++", "-std=c++20", "-g", "program.cc", "-o", "program", *flags)
        printers = os.path.join(installed.ROOT, "tools", "gdb", "joblib_printers.py")
        commands = ["source " + printers, "break Stop", "run"]
        for name in ["table", "transposed", "row", "scalar", "empty"]:
            commands += ["output " + name, "echo \\n"]
        arguments = [word for command in commands for word in ("-ex", command)]
        shown = self.run_in(place, "gdb", "-nx", "-batch", *arguments, "program")
        for array in [
            "joblib::Array<double> of shape (2, 3) = {1, 2, 3, 4, 5, 6.5}\n",
            "joblib::Array<double> of shape (3, 2) = {1, 4, 2, 5, 3, 6.5}\n",
            "joblib::Array<int> of shape (2,) = {7, 9}\n",
            "joblib::Array<double> of shape () = {42}\n",
            "joblib::Array<float> of shape (0,)",
        ]:
            self.assertIn(array, shown)

    def test_brings_cereal_for_those_who_have_none(self):
        third_party = os.path.join(self.static, "include", "joblib", "third_party")
        included = self.run_in(
            self.copy_of("program"),
            "g++",
            "-std=c++20",
            "-M",
            "program.cc",
            "-isystem",  # Before the system's folders.
            third_party,
            "-I" + os.path.join(self.static, "include"),
        )
        self.assertIn(third_party + "/cereal/cereal.hpp", included)
        self.assertNotIn(" /usr/include/cereal/", included)

    def test_says_that_it_needs_run_time_type_information(self):
        place = self.copy_of("program")
        flags = self.pkg_config(self.static, "--cflags")
        result = self.result_of(
            place, "g++", "-std=c++20", "-fno-rtti", "-fsyntax-only", "program.cc", *flags
        )
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("#error", result.stdout.split("error:", 1)[1])
        self.assertIn("compile without -fno-rtti", result.stdout)


class ReadmeTest(installed.ConsumerTest):
    """README's section "From CMake", typed as it stands."""

    def test_from_cmake(self):
        section = re.search(
            r"^### From CMake\n(.*?)^##", text_of(_ROOT, "README.md"), re.S | re.M
        )[1]
        installs = re.search(r"^    tools/install --prefix=\$HOME/(\S+)$", section, re.M)
        # What that command does, tests/consumers do for all of theirs.
        os.symlink(self.static, os.path.join(self.folder, installs[1]))
        place = os.path.join(self.folder, "readme")
        os.mkdir(place)
        files = dict(
            re.findall(r"`(\w+\.\w+)`:?\n\n```\w+\n(.*?)^```", section, re.S | re.M)
        )
        self.assertEqual(sorted(files), ["CMakeLists.txt", "roots.cc"])
        for name, text in files.items():
            with open(os.path.join(place, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        typed = re.search(r"((?:^    .*\n)+)", section[section.rindex("```") :], re.M)
        commands = typed[1].replace("\n    ", "\n")
        printed = self.run_in(place, "bash", "-e", "-c", commands).strip()
        said = re.search(r"  # prints (.*)$", commands, re.M)[1]
        self.assertEqual(printed.split("\n")[-1].strip(), said)


class ExportsTest(installed.ConsumerTest):
    def test_the_shared_library_exports_what_the_list_says(self):
        exports_py = os.path.join(_ROOT, "tools", "package", "exports.py")
        said = text_of(_ROOT, "tools", "package", "exports.txt").splitlines()
        names = subprocess.run(
            [
                "python3",
                exports_py,
                os.path.join(self.shared, "lib", "libjoblib.so"),
                os.path.join(self.shared, "include", "joblib"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.splitlines()
        self.assertEqual(
            names,
            [line for line in said if not line.startswith("#")],
            "tools/package/exports.txt lists what libjoblib.so exports: change it"
            " if the change of the public headers is meant",
        )

    def test_no_name_of_abseil_is_the_programs(self):
        symbols = subprocess.run(
            ["nm", "-g", "--defined-only", os.path.join(self.static, "lib", "libjoblib.a")],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        self.assertIn("jl__20220623", symbols)
        self.assertNotRegex(symbols, r" [A-Zu] \w*lts_\d")


if __name__ == "__main__":
    unittest.main()
