"""README's section "From Bazel", typed as it stands: a repository of somebody
else's that uses this one, with a program and a page's module."""

import os
import pwd
import re
import unittest

import installed

_ROOT = installed.ROOT


def readme(section):
    with open(os.path.join(_ROOT, "README.md"), encoding="utf-8") as stream:
        text = stream.read()
    return re.search(r"^##+ %s\n(.*?)^##" % section, text, re.S | re.M)[1]


def blocks(section, language):
    return re.findall(r"^```%s\n(.*?)^```" % language, readme(section), re.S | re.M)


def cache_of_the_pins():
    """Where tools/setup.sh has laid them: tests have no HOME."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    return os.environ.get(
        "JOBLIB_DISTDIR", os.path.join(home, ".cache", "joblib-distdir")
    )


class BazelTest(installed.ConsumerTest):
    def write(self, name, text):
        path = os.path.join(self.place, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)

    def bazel(self, command, *arguments):
        # Of this test alone: no server, no output and no cache is shared.
        return self.run_in(
            self.place,
            "bazel",
            "--batch",
            "--output_user_root=" + os.path.join(self.folder, "bazel"),
            command,
            "--noshow_progress",
            "--ui_event_filters=-info",
            *arguments,
            JOBLIB_DISTDIR=cache_of_the_pins(),
            USER="consumer",
        )

    def setUp(self):
        self.place = os.path.join(self.folder, "roots")
        source = os.path.dirname(os.path.realpath(os.path.join(_ROOT, "WORKSPACE")))
        os.symlink(source, os.path.join(self.folder, "joblib"))
        workspace, build = blocks("From Bazel", "python")
        self.write("WORKSPACE", workspace)
        self.write("BUILD.bazel", build)
        self.write(".bazelrc", blocks("From Bazel", "sh")[0])
        self.write("roots.cc", blocks("From CMake", "cpp")[0])
        self.write("page/BUILD.bazel", blocks("In a web page", "python")[0])
        self.write("page/roots.cc", blocks("In a web page", "cpp")[0])

    def test_program_and_page(self):
        self.assertTrue(
            self.bazel("run", "//:roots").endswith("1 2 3 "), "of bazel run"
        )
        self.bazel("build", "//page:roots")
        built = os.path.join(self.place, "bazel-bin", "page", "roots")
        self.assertLessEqual(
            {"roots.mjs", "package.json", "plain", "threads"}, set(os.listdir(built))
        )


if __name__ == "__main__":
    unittest.main()
