"""The site can be made: no warning of Doxygen's, no name without a comment, no
link that leads nowhere."""

import os
import subprocess
import unittest

WORK_TREE = os.path.dirname(os.path.realpath("WORKSPACE"))


class DocsTest(unittest.TestCase):
    def test_the_site_has_no_offences(self):
        result = subprocess.run(
            [os.path.join(WORK_TREE, "tools", "docs"), "--check"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertIn(" 0 offences", result.stdout)


if __name__ == "__main__":
    unittest.main()
