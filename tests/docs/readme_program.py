#!/usr/bin/env python3
"""Takes the first program out of README.md, and what it is said to print.

    readme_program.py README.md program    the first ```cpp block with a main()
    readme_program.py README.md function   the same as `int ReadmeMain()`
    readme_program.py README.md output     as a C++ raw string, for #include

The output is the block without a language that follows the program directly
or, where there is none, the comment behind its last printf.
"""

import re
import sys


def main(path, what):
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    for match in re.finditer(r"^```cpp\n(.*?)^```\n", text, re.S | re.M):
        if re.search(r"^int main\(", match[1], re.M):
            break
    else:
        sys.exit("%s: no ```cpp block with a main()" % path)
    if what == "program":
        print(match[1], end="")
        return
    if what == "function":
        # Only main() may go without a return.
        body = re.sub(r"^int main\(.*?\)", "int ReadmeMain()", match[1], flags=re.M)
        print(re.sub(r"\n}\n\Z", "\n  return 0;\n}\n", body), end="")
        return
    block = re.match(r"\s*```(?:text|console)?\n(.*?)^```\n",
                     text[match.end():], re.S | re.M)
    comments = re.findall(r"printf\(.*\);\s*// (.*)$", match[1], re.M)
    if block:
        output = block[1]
    elif comments:
        output = comments[-1]
    else:
        sys.exit("%s: it doesn't say what the program prints" % path)
    print('R"readme(%s)readme"' % output.strip())


main(*sys.argv[1:])
