#!/usr/bin/env python3
"""Writes numpy_files.inc: .npy files as numpy itself makes them.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install numpy==2.4.6
    /tmp/venv/bin/python tests/array/make_numpy_files.py

The values of an array of n elements are 0, 1, ... n - 1 in C order, made by its
dtype's own conversion. Each line is {name, the bytes of the file}.
"""

import io
import os

import numpy

DTYPES = "|b1 |i1 |u1 <i2 <u2 <i4 <u4 <i8 <u8 <f4 <f8 <c8 <c16".split()
PIXEL = numpy.dtype([("r", "|u1"), ("g", "|u1"), ("depth", "<u2")])
PADDED = numpy.dtype(
    {
        "names": ["id", "at", "on"],
        "formats": ["|u1", ("<f8", (2,)), "|b1"],
        "offsets": [0, 8, 24],
        "itemsize": 32,
    }
)


def counted(shape, dtype):
    n = int(numpy.prod(shape, dtype=int))
    return numpy.arange(n).astype(dtype).reshape(shape)


def saved(array, version=None):
    stream = io.BytesIO()
    numpy.lib.format.write_array(stream, array, version)
    return stream.getvalue()


def pixels(n):
    array = numpy.zeros(n, PIXEL)
    for i in range(n):
        array[i] = (i, 2 * i, 300 * i)
    return array


def padded(n):
    array = numpy.zeros(n, PADDED)
    for i in range(n):
        array[i] = (i, (i + 0.5, -i), i % 2)
    return array


def files():
    for dtype in DTYPES:
        yield "type " + dtype, saved(counted((2, 3), dtype))
    for dtype in DTYPES:
        if dtype[0] == "<":
            swapped = dtype.replace("<", ">")
            yield "swapped " + dtype, saved(counted((2, 3), swapped))
    for shape in [(), (0,), (1,), (3, 0, 2), (7,), (2, 3, 4), (1, 1, 5)]:
        yield "C %r" % (shape,), saved(counted(shape, "<i4"))
    for shape in [(2, 3), (2, 3, 4), (3, 0, 2), (5, 1)]:
        array = numpy.asfortranarray(counted(shape, "<i4"))
        yield "F %r" % (shape,), saved(array)
    strided = counted((4, 6), "<i4")[::2, :]
    yield "strided", saved(strided)
    yield "version 2", saved(counted((2, 3), "<f8"), (2, 0))
    yield "version 3", saved(counted((2, 3), "<f8"), (3, 0))
    yield "pixels", saved(pixels(3))
    yield "swapped pixels", saved(pixels(3).astype(PIXEL.newbyteorder(">")))
    yield "padded", saved(padded(2))
    yield "objects", saved(numpy.array([None, "a"], dtype=object))
    yield "texts", saved(numpy.array(["a", "bc"]))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "numpy_files.inc"), "w") as out:
        out.write("// Made by make_numpy_files.py with numpy %s.\n"
                  % numpy.__version__)
        for name, content in files():
            text = "".join(
                chr(b) if 32 <= b < 127 and chr(b) not in '"\\?'
                else "\\%03o" % b for b in content)
            out.write('{"%s",\n "%s",\n %d},\n' % (name, text, len(content)))


if __name__ == "__main__":
    main()
