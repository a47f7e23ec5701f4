#!/usr/bin/env python3
"""Makes tests of the C++ code blocks of Markdown pages.

    blocks.py --prelude PAGE --out OUT.cc PAGE...

Each page becomes a namespace, each ```cpp block of it a test that runs it: what
stands at namespace scope (functions, types, `using`) is declared there, for the
blocks below, too; the statements become a function; a program with a main() is
run. The first block of the prelude page begins each page.

A block without a language, or a `text` one, that follows directly is what it
prints, on stdout and then on stderr; in it `...` stands for anything. HTML
comments, which readers don't see, say the rest:

    <!-- cpp                code at namespace scope that the blocks below need
    -->
    <!-- compiled: why -->  the next block is compiled, not run
    <!-- elsewhere: who --> the next block is tested by somebody else
"""

import argparse
import os
import re
import sys

EVENT = re.compile(
    r"^<!-- cpp\n(?P<hidden>.*?)^-->\n"
    r"|^<!-- (?P<mark>compiled|elsewhere): .*?-->\n"
    r"|^```(?P<language>\w*)\n(?P<code>.*?)^```$",
    re.S | re.M,
)
INCLUDE = re.compile(r"^#include .*\n", re.M)
DECLARATION = re.compile(
    r"(struct|class|enum|template|namespace|using|inline|static|extern)\b"
    # const bool registered = joblib::register_exception<E>();
    r"|const bool \w+ = joblib::register_"
    # A function: a type, a name, parameters, a body.
    r"|(?!for\b|if\b|while\b|switch\b|else\b|return\b)[\w:<>,&*\s]+?[\w>&*]\s+\w+\([^;{}]*\)[^;{}()]*\{"
)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Block:
    def __init__(self, page, code, line):
        self.page = page
        self.code = code
        self.line = line
        self.run = True
        self.hidden = False
        self.output = None


def read_page(path):
    """The blocks of a page in order."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    blocks = []
    mark = None
    end_of_code = None  # Where the last ```cpp block ended.
    for match in EVENT.finditer(text):
        if match["mark"]:
            mark = match["mark"]
            continue
        if match["hidden"] is not None:
            block = Block(path, match["hidden"], line_of(text, match.start("hidden")))
            block.hidden = True
            blocks.append(block)
        elif match["language"] == "cpp":
            block = Block(path, match["code"], line_of(text, match.start("code")))
            block.run = mark is None
            if mark != "elsewhere":
                blocks.append(block)
            end_of_code = match.end() if mark is None else None
            mark = None
            continue
        elif match["language"] in ("", "text") and end_of_code is not None:
            if not text[end_of_code : match.start()].strip():
                blocks[-1].output = match["code"]
        end_of_code = None
    return blocks


def items_of(code, line):
    """(line, text) of the top-level pieces: declarations, statements."""
    start, start_line, depth = "", line, 0
    for offset, source in enumerate(code.splitlines(True)):
        bare = re.sub(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|//.*', "", source)
        if not start.strip():
            start, start_line = "", line + offset
        start += source
        depth += sum(bare.count(c) for c in "({[") - sum(bare.count(c) for c in ")}]")
        bare = bare.strip()
        if depth == 0 and (bare.endswith((";", "}")) or not bare):
            if start.strip():
                yield start_line, start
            start = ""
    if start.strip():
        yield start_line, start


def without_comments(text):
    return re.sub(r"//.*", "", text).strip()


class Writer:
    def __init__(self):
        self.includes = []
        self.parts = []

    def add_page(self, name, path, prelude, blocks):
        self.parts.append("namespace %s {\n" % name)
        declared = set()
        for number, block in enumerate([prelude] + blocks):
            self.page = block.page
            self.add_block(name, number, block, declared)
        self.parts.append("}  // namespace %s\n" % name)

    def add_block(self, name, number, block, declared):
        code = block.code
        for include in INCLUDE.findall(code):
            if include not in self.includes:
                self.includes.append(include)
        code = INCLUDE.sub("\n", code)
        is_program = re.search(r"^int main\(", code, re.M)
        statements = []
        for line, text in items_of(code, block.line):
            bare = without_comments(text)
            if is_program and bare.startswith("int main("):
                text = text.replace("int main(", "int Program%d(" % number)
                text = re.sub(r"\}\s*\Z", "return 0;\n}\n", text)
                self.put(line, text)
                statements.append((line, "Program%d();\n" % number))
            elif bare and (block.hidden or DECLARATION.match(bare)):
                # The page may show the same function twice.
                if bare in declared:
                    continue
                declared.add(bare)
                if bare.startswith("template <>"):
                    self.parts.append("}\nusing namespace %s;\n" % name)
                    self.put(line, text)
                    self.parts.append("namespace %s {\n" % name)
                else:
                    self.put(line, text)
            elif bare:
                statements.append((line, text))
        if not statements:
            return
        self.parts.append("void Block%d() {\n" % number)
        for line, text in statements:
            self.put(line, text)
        self.parts.append("}\n")
        if block.run:
            said = "nullptr" if block.output is None else 'R"said(%s)said"' % block.output
            self.parts.append(
                "TEST(%s, Line%d) { joblib::testing::RunBlock(Block%d, %s); }\n"
                % (name, block.line, number, said)
            )

    def put(self, line, text):
        self.parts.append('#line %d "%s"\n%s' % (line, self.page, text))

    def text(self):
        pragmas = "".join(
            '#pragma GCC diagnostic ignored "-Wunused-%s"\n' % what
            for what in ("variable", "but-set-variable", "function", "local-typedefs")
        )
        return (
            '#include "gtest/gtest.h"\n#include "tests/docs/run_block.h"\n'
            + "".join(self.includes)
            + pragmas
            + "".join(self.parts)
        )


def name_of(path):
    """lib/joblib/docs/arrays.md -> Arrays; README.md -> Readme."""
    folder, base = os.path.split(path)
    stem = os.path.splitext(base)[0]
    if stem == "README" and folder:
        stem = "guide"  # lib/joblib/docs/README.md
    return "".join(word.capitalize() for word in re.split(r"\W+", stem.lower()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--prelude", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("pages", nargs="+")
    arguments = parser.parse_args()
    prelude = read_page(arguments.prelude)[0]
    writer = Writer()
    for path in map(os.path.normpath, arguments.pages):
        blocks = read_page(path)
        if os.path.samefile(path, arguments.prelude):
            blocks = blocks[1:]
        if not blocks:
            sys.exit("%s: no ```cpp block" % path)
        writer.add_page(name_of(path), path, prelude, blocks)
    with open(arguments.out, "w", encoding="utf-8") as stream:
        stream.write(writer.text())


main()
