#!/usr/bin/env python3
"""Prints the block of a language in the README's section on web pages.

    block.py README.md cpp|html
"""

import re
import sys


def main(path, language):
    with open(path, encoding="utf-8") as stream:
        section = stream.read().split("\n## In a web page\n")[1]
    section = section.split("\n## ")[0]
    match = re.search(r"^```%s\n(.*?)^```\n" % language, section, re.S | re.M)
    if not match:
        sys.exit("%s: no ```%s block on web pages" % (path, language))
    print(match[1], end="")


main(*sys.argv[1:])
