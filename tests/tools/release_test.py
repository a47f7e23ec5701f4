"""tools/release --check-words: this tree passes, and what is wrong is told."""

import importlib.machinery
import importlib.util
import os
import shutil
import tempfile
import unittest

_LOADER = importlib.machinery.SourceFileLoader("release", "tools/release")
release = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("release", _LOADER)
)
_LOADER.exec_module(release)

_FILES = [release.VERSION_HEADER, "CHANGELOG.md", "LICENSE"] + [
    path for path, _, _ in release.VERSION_PLACES
]


def problems():
    return [problem for check in release.WORDS for problem in check()]


class ReleaseTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for path in _FILES:
            place = os.path.join(folder.name, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copyfile(path, place)
        release.ROOT = folder.name

    def change(self, path, old, new):
        text = release.text_of(path)
        self.assertIn(old, text)
        with open(os.path.join(release.ROOT, path), "w", encoding="utf-8") as stream:
            stream.write(text.replace(old, new))

    def test_this_tree_can_be_released(self):
        self.assertEqual(problems(), [])

    def test_each_place_of_the_version_counts(self):
        version = release.version()
        for path in sorted({path for path, _, _ in release.VERSION_PLACES}):
            with self.subTest(path):
                self.setUp()
                self.change(path, version[:3], "7.7")
                self.assertIn(path, problems()[0])
        self.setUp()
        self.change(release.VERSION_HEADER, version, "7.7.7")
        self.assertEqual(len(problems()), 1 + len(release.VERSION_PLACES))

    def test_the_changelog_is_about_this_version(self):
        self.change("CHANGELOG.md", "## Unreleased", "## 9.9.9")
        self.assertIn("'9.9.9'", problems()[0])
        self.change("CHANGELOG.md", "## 9.9.9", "## " + release.version() + " (today)")
        self.assertEqual(problems(), [])
        self.change("CHANGELOG.md", "\n- ", "\n+ ")
        self.assertIn("empty", problems()[0])

    def test_every_library_has_its_license(self):
        self.change("tools/package/BUILD.bazel", '"abseil.txt"', '"another.txt"')
        self.assertIn("com_google_absl", problems()[0])


if __name__ == "__main__":
    unittest.main()
