"""What the tests of consumers share: a tree as tools/install leaves it, and how
a program outside of Bazel is built against it.

    class MyTest(installed.ConsumerTest):
        def test_it(self):
            build = self.cmake("program", self.shared, TARGET="joblib::joblib")
            self.assertEqual(self.run_in(build, "./program"), "ok\\n")

The programs are copied to a folder outside of the repository and built by the
machine's own compilers and CMake.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

ROOT = os.path.join(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"])
_TAR = os.path.join(ROOT, "tools", "package", "joblib.tar")
# Bazel's own limit comes first.
_SECONDS = 3600


class ConsumerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
        cls.shared = cls.install("shared", lambda name: True)
        cls.static = cls.install("static", lambda name: "libjoblib.so" not in name)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def install(cls, name, wanted):
        """The tree under a prefix, of the files whose names are `wanted`."""
        prefix = os.path.join(cls.folder, name)
        with tarfile.open(_TAR) as tar:
            members = [m for m in tar.getmembers() if wanted(m.name)]
            tar.extractall(prefix, members)
        return prefix

    def copy_of(self, program):
        """A copy of tests/consumers/`program` in a folder of its own."""
        place = tempfile.mkdtemp(dir=self.folder)
        source = os.path.join(ROOT, "tests", "consumers", program)
        for name in os.listdir(source):
            shutil.copy(os.path.join(source, name), place)
        return place

    def run_in(self, place, *command, **environment):
        """What the command prints; fails the test if it fails."""
        result = self.result_of(place, *command, **environment)
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def result_of(self, place, *command, **environment):
        env = {
            "HOME": self.folder,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "TMPDIR": self.folder,
        }
        env.update(environment)
        return subprocess.run(
            command,
            cwd=place,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def cmake(self, program, prefix, *arguments, **variables):
        """Builds a copy of `program`; the folder that it was built in."""
        place = self.copy_of(program)
        variables.setdefault("CMAKE_PREFIX_PATH", prefix)
        options = ["-D%s=%s" % item for item in variables.items()]
        self.run_in(place, "cmake", "-B", "build", *options, *arguments)
        self.run_in(place, "cmake", "--build", "build", "--parallel", "2")
        return os.path.join(place, "build")

    def pkg_config(self, prefix, *arguments):
        """The flags that pkg-config gives, as words."""
        flags = self.run_in(
            self.folder,
            "pkg-config",
            *arguments,
            "joblib",
            PKG_CONFIG_PATH=os.path.join(prefix, "lib", "pkgconfig"),
        )
        return flags.split()
