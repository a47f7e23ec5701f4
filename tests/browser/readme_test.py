"""README.md's page of an embedder, in Chromium."""

import unittest

from tests.browser import chromium, site


class ReadmeTest(unittest.TestCase):
    def test_the_page_runs_isolated_and_not(self):
        with chromium.Chromium() as browser:
            for isolated in (True, False):
                server = site.start("tests/browser/readme/page", isolated)
                self.addCleanup(server.shutdown)
                browser.open(server.url)
                browser.wait_until("out.textContent === '999'")


if __name__ == "__main__":
    site.main()
