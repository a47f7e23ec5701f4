"""Files of joblib::Array and numpy's own, in both directions, with numpy itself."""

import os
import subprocess
import tempfile
import unittest

import numpy

PROGRAM = "tests/array/numpy_program"
SHARED_ARRAY = "tools/examples/shared_array/shared_array"
DTYPES = "|b1 |i1 <u2 <i4 <u8 <f4 <f8 <c8 <c16".split()
SHAPES = [(), (0,), (7,), (3, 4), (2, 0, 3), (2, 3, 4)]


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


class NumpyTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def copied(self, array, dtype):
        """`array` as the program has read and written it, and the file."""
        numpy.save(self.path("from.npy"), array)
        run(PROGRAM, self.path("from.npy"), self.path("to.npy"), dtype)
        return numpy.load(self.path("to.npy"))

    def read(self, name):
        with open(self.path(name), "rb") as stream:
            return stream.read()

    def test_files_are_numpys_byte_by_byte(self):
        for dtype in DTYPES:
            for shape in SHAPES:
                for order in "CF":
                    with self.subTest(dtype=dtype, shape=shape, order=order):
                        n = int(numpy.prod(shape, dtype=int))
                        array = numpy.arange(n).astype(dtype).reshape(shape)
                        array = numpy.asarray(array, order=order)
                        copy = self.copied(array, dtype)
                        numpy.testing.assert_array_equal(copy, array)
                        self.assertEqual(copy.dtype, numpy.dtype(dtype))
                        self.assertEqual(self.read("to.npy"), self.read("from.npy"))

    def test_the_other_byte_order_is_read(self):
        array = numpy.arange(12, dtype=">f8").reshape(3, 4)
        copy = self.copied(array, "<f8")
        numpy.testing.assert_array_equal(copy, array)
        self.assertEqual(copy.dtype, numpy.dtype("<f8"))

    def test_a_plain_file_is_a_memmap(self):
        run(PROGRAM, "", self.path("raw"), "raw")
        raw = numpy.memmap(
            self.path("raw"), "float32", "r", offset=64, shape=(5, 4), order="F"
        )
        expected = [[10 * i + j for j in range(4)] for i in range(5)]
        numpy.testing.assert_array_equal(raw, expected)

    def test_the_example_leaves_sums_for_numpy(self):
        printed = run(
            SHARED_ARRAY, "--rows=8", "--columns=200000", "--sums=" + self.path("sums")
        )
        self.assertIn("All sums are right.", printed)
        sums = numpy.memmap(self.path("sums"), dtype="float64", mode="r")
        self.assertEqual(sums.shape, (8,))
        for row, value in enumerate(sums):
            self.assertIn("Sum for row %d is %.6f\n" % (row, value), printed)
        # Numbers from 0 to 1, 200,000 of them: 4 sigma are 516.
        self.assertLess(abs(sums - 100000).max(), 700)
        self.assertEqual(len(set(sums)), 8)


if __name__ == "__main__":
    unittest.main()
