"""The npm package of a module: packed, installed, and used by two pages.

One imports it as it is, the other is bundled by esbuild.
"""

import os
import shutil
import subprocess
import tempfile
import unittest

from tests.browser import chromium, site

MODULE = "tests/browser/modules/numbers"
ESBUILD = "external/esbuild/bin/esbuild"
MISSING = "external/esbuild/missing.txt"
# What a bundle does not hold: it is loaded from beside it.
BESIDE_THE_BUNDLE = ("host.mjs", "explain.mjs", "plain", "threads")

SCRIPT = """import load from '%s';
const numbers = await load();
const squares = await numbers.call('squares', 5, {n_jobs: 2});
document.title = `${numbers.threads} ${squares.join()}`;
"""


def run(*command, folder):
    """Runs it in `folder`, without the network."""
    subprocess.run(
        command,
        cwd=folder,
        env=dict(os.environ, HOME=folder, npm_config_offline="true"),
        check=True,
        stdout=subprocess.DEVNULL,
    )


class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(chromium.Chromium())
        cls.project = tempfile.mkdtemp()
        package = shutil.copytree(MODULE, os.path.join(cls.project, "packed"))
        run("npm", "pack", package, folder=cls.project)
        run(
            "npm",
            "install",
            "--no-save",
            os.path.join(cls.project, "numbers-0.0.0.tgz"),
            folder=cls.project,
        )
        cls.installed = os.path.join(cls.project, "node_modules", "numbers")

    def runs(self, folder):
        for isolated in (True, False):
            server = site.start(folder, isolated)
            self.addCleanup(server.shutdown)
            self.browser.open(server.url)
            self.browser.wait_until("document.title.includes(' ')")
            self.assertEqual(
                self.browser.run("return document.title"),
                "%s 0,1,4,9,16" % str(isolated).lower(),
            )

    def page(self, folder, script):
        with open(os.path.join(folder, "index.html"), "w") as page:
            page.write(
                "<!doctype html><title>loading</title>"
                "<script type=module src=%s></script>" % script
            )

    def test_holds_types_and_a_readme(self):
        for name in ("numbers.d.mts", "README.md", "package.json"):
            self.assertIn(name, os.listdir(self.installed))

    def test_runs_without_a_bundler(self):
        with open(os.path.join(self.project, "page.mjs"), "w") as script:
            script.write(SCRIPT % "./node_modules/numbers/numbers.mjs")
        self.page(self.project, "page.mjs")
        self.runs(self.project)

    def test_runs_bundled_by_esbuild(self):
        if os.path.exists(MISSING):
            with open(MISSING) as why:
                self.fail("no esbuild: " + why.read())
        with open(os.path.join(self.project, "app.mjs"), "w") as script:
            script.write(SCRIPT % "numbers")
        site_folder = tempfile.mkdtemp()
        run(
            os.path.abspath(ESBUILD),
            "app.mjs",
            "--bundle",
            "--minify",
            "--format=esm",
            "--outfile=%s/app.js" % site_folder,
            folder=self.project,
        )
        for name in BESIDE_THE_BUNDLE:
            path = os.path.join(self.installed, name)
            copy = shutil.copytree if os.path.isdir(path) else shutil.copy
            copy(path, os.path.join(site_folder, name))
        self.page(site_folder, "app.js")
        self.runs(site_folder)


if __name__ == "__main__":
    site.main()
