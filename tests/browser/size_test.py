"""What a page has to load stays small: the same build has the same size."""

import unittest

from tests.browser import site, sizes


class SizeTest(unittest.TestCase):
    def test_no_module_is_larger_than_its_limit(self):
        for what, size, limit in sizes.measured():
            if limit is None:
                continue
            with self.subTest(what):
                self.assertLess(size / 1000, limit)
                # Not something else, such as nothing.
                self.assertGreater(size / 1000, limit / 2)


if __name__ == "__main__":
    site.main()
