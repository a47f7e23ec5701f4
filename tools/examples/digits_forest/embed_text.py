#!/usr/bin/env python3
"""Prints C++ that defines a function returning a text file's content.

    embed_text.py FILE[.gz] HEADER NAMESPACE FUNCTION

HEADER is what declares `std::string_view FUNCTION()` in NAMESPACE.
"""
import gzip
import json
import sys


def main(path, header, namespace, function):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="ascii") as file:
        lines = file.readlines()
    # JSON and C++ agree on the escapes of ASCII text.
    literals = "\n".join("      " + json.dumps(line) for line in lines)
    print(f"""\
// Generated from {path} by embed_text.py.
#include "{header}"

#include <string_view>

namespace {namespace} {{

std::string_view {function}() {{
  return std::string_view(
{literals});
}}

}}  // namespace {namespace}""")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
