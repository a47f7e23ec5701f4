"""The source package that tools/amalgamate writes, built by CMake as README's
section "From sources, with CMake alone" says, and installed from there."""

import glob
import os
import re
import shutil
import unittest

import installed


def readme_block(section, language):
    with open(os.path.join(installed.ROOT, "README.md"), encoding="utf-8") as stream:
        text = stream.read().split("\n### " + section + "\n", 1)[1]
    return re.search(r"^```%s\n(.*?)^```" % language, text, re.S | re.M)[1]


def files_below(folder):
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder)
        for parent, _, names in os.walk(folder)
        for name in names
    )


class SourcePackageTest(installed.ConsumerTest):
    def test_fetched_by_a_program_and_installed(self):
        place = os.path.join(self.folder, "fetched")
        os.mkdir(place)
        for name, text in [
            ("CMakeLists.txt", readme_block("From sources, with CMake alone", "cmake")),
            ("roots.cc", readme_block("From CMake", "cpp")),
        ]:
            with open(os.path.join(place, name), "w", encoding="utf-8") as stream:
                stream.write(text)
        packages = os.path.join(installed.ROOT, "tools", "package", "joblib-*.tar.gz")
        shutil.copy(glob.glob(packages)[0], place)
        prefix = os.path.join(self.folder, "by cmake")
        said = self.run_in(
            place,
            "cmake",
            "-B",
            "build",
            "-Djoblib_INSTALL=ON",
            "-DCMAKE_INSTALL_PREFIX=" + prefix,
        )
        self.assertNotIn("Warning", said)
        self.run_in(place, "cmake", "--build", "build", "--parallel", "2")
        self.assertEqual(self.run_in(place, "build/roots"), "1 2 3 ")

        self.run_in(place, "cmake", "--install", "build")
        self.assertEqual(files_below(prefix), files_below(self.static))
        build = self.cmake("program", prefix, TARGET="joblib::joblib")
        self.assertEqual(self.run_in(build, "./program"), "ok\n")
        build = self.cmake("program", prefix, TARGET="joblib::fully_static")
        self.assertEqual(self.run_in(build, "./program"), "ok\n")


if __name__ == "__main__":
    unittest.main()
