"""gdb shows a joblib::Array by its shape and its elements, in C order.

    (gdb) source tools/gdb/joblib_printers.py
    (gdb) print table
    $1 = joblib::Array<double> of shape (2, 3) = {1, 2, 3, 4, 5, 6}
"""

import gdb
import gdb.printing


def numbers(vector):
    """A std::vector<std::int64_t> of libstdc++ as a list."""
    begin = vector["_M_impl"]["_M_start"]
    n = int(vector["_M_impl"]["_M_finish"] - begin)
    return [int((begin + i).dereference()) for i in range(n)]


class ArrayPrinter:
    def __init__(self, value):
        parts = value["parts_"]
        layout = parts["layout"]["_M_ptr"].dereference()
        self.element = value.type.strip_typedefs().template_argument(0)
        self.shape = numbers(layout["shape"])
        self.strides = numbers(layout["strides"])
        self.size = int(layout["size"])
        self.data = parts["data"].cast(self.element.pointer())

    def to_string(self):
        shape = ", ".join(str(extent) for extent in self.shape)
        comma = "," if len(self.shape) == 1 else ""
        return "joblib::Array<%s> of shape (%s%s)" % (self.element, shape, comma)

    def children(self):
        for i in range(self.size):
            offset, rest = 0, i
            for extent, stride in zip(reversed(self.shape), reversed(self.strides)):
                rest, index = divmod(rest, extent)
                offset += index * stride
            yield "[%d]" % i, (self.data + offset).dereference()

    def display_hint(self):
        return "array"


def printers():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("joblib")
    collection.add_printer("Array", "^joblib::Array<.*>$", ArrayPrinter)
    return collection


gdb.printing.register_pretty_printer(None, printers(), replace=True)
