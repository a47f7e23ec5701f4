"""More programs built against the installed tree: those that take a while, or
need what not every machine has."""

import os
import shutil
import unittest

import installed


class LibraryTest(installed.ConsumerTest):
    """A program that does not know that its library uses joblib."""

    def check(self, prefix, **variables):
        build = self.cmake("library", prefix, **variables)
        self.assertEqual(self.run_in(build, "./program"), "ok\n")
        return build

    def test_library_links_the_archive(self):
        self.check(self.static, TARGET="joblib::joblib")

    def test_library_hides_the_archive(self):
        self.check(self.static, TARGET="joblib::joblib", HIDE_ALL="ON")

    def test_library_links_the_shared_library(self):
        self.check(self.shared, TARGET="joblib::joblib")

    def test_python_loads_the_library(self):
        build = self.check(self.shared, TARGET="joblib::joblib")
        script = "import ctypes; print(ctypes.CDLL('./libscaler.so').scaler_check())"
        self.assertEqual(self.run_in(build, "/usr/bin/python3", "-c", script), "0\n")

    def test_program_and_library_link_a_copy_each(self):
        archive, shared = "joblib::joblib_static", "joblib::joblib"
        for program, library, hide in [
            (archive, archive, "OFF"),
            (archive, archive, "ON"),
            (archive, shared, "OFF"),
            (shared, archive, "ON"),
            (shared, shared, "OFF"),
        ]:
            with self.subTest(program=program, library=library, hide=hide):
                build = self.check(
                    self.shared, TARGET=library, BOTH=program, HIDE_ALL=hide
                )
                self.assertEqual(self.run_in(build, "./both"), "ok\n")


class ProgramTest(installed.ConsumerTest):
    def check(self, program, prefix, **variables):
        build = self.cmake(program, prefix, **variables)
        return self.run_in(build, "./program")

    def test_main_is_in_c(self):
        self.assertEqual(self.check("c_main", self.static), "ok\n")

    def test_googletest(self):
        self.assertIn("[  PASSED  ] 2 tests.", self.check("googletest", self.shared))

    def test_forks_with_the_archive(self):
        self.assertEqual(self.check("forks", self.static), "ok\n")

    def test_forks_with_the_shared_library(self):
        self.assertEqual(self.check("forks", self.shared), "ok\n")

    def check_program(self, prefix, **variables):
        said = self.check("program", prefix, TARGET="joblib::joblib", **variables)
        self.assertEqual(said, "ok\n")

    def test_cxx23(self):
        self.check_program(self.static, CMAKE_CXX_STANDARD="23")

    @unittest.skipUnless(shutil.which("clang++-14"), "no clang++ here")
    def test_clang(self):
        for prefix in [self.static, self.shared]:
            self.check_program(prefix, CMAKE_CXX_COMPILER="clang++-14")

    def test_link_time_optimization(self):
        self.check_program(
            self.static,
            CMAKE_BUILD_TYPE="Release",
            CMAKE_INTERPROCEDURAL_OPTIMIZATION="ON",
        )

    def test_no_position_independent_code(self):
        self.check_program(
            self.static, CMAKE_CXX_FLAGS="-fno-pie", CMAKE_EXE_LINKER_FLAGS="-no-pie"
        )

    def test_gold_linker(self):
        self.check_program(self.static, CMAKE_EXE_LINKER_FLAGS="-fuse-ld=gold")

    def test_sanitizers(self):
        # ThreadSanitizer has to see the library's own synchronization, too.
        for sanitizer in ["address", "undefined"]:
            for prefix in [self.static, self.shared]:
                with self.subTest(sanitizer, prefix=os.path.basename(prefix)):
                    self.check_program(
                        prefix, CMAKE_CXX_FLAGS="-g1 -fsanitize=" + sanitizer
                    )


if __name__ == "__main__":
    unittest.main()
