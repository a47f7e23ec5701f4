#!/usr/bin/env python3
"""Doxygen's input filter: our plain comments as the ones that it reads.

    comments.py HEADER    the header, some lines longer

The comment at the top is the file's, one above a declaration or behind it is
that declaration's. Two things go without a comment: what a header's first line
is about ("Outcome<R>: how a task ended", "each and range: ..."), and names that
mean what they mean in the standard library.
"""

import re
import sys

WHOLE = re.compile(r"^(\s*)//(?!/)(.*)$")
BEHIND = re.compile(r"^(.*[;,{}]\s+)//(?!/) (.*)$")
NO_COMMENT = re.compile(r"\s*(NOLINT|IWYU|#|namespace\b)")
SUBJECT = "The subject of this page: see its top."
STANDARD = [
    (r"using (value_type|difference_type|iterator|const_iterator)\b", "As the standard containers'."),
    (r".*\b(begin|end)\(\)", "As the standard containers'."),
    (r"struct sentinel\b", "As the standard ranges'."),
    (r"friend bool operator==\(", "Whether they are equal."),
    (r"(\w+)\(\1(<\w+>)?&&", "Moves."),
    (r".*\boperator=\(\w+(<\w+>)?&&", "Moves."),
    (r".*\bCEREAL_\w+_FUNCTION_NAME\(", "For cereal."),
]
DECLARED = re.compile(
    r"(?:(?:class|struct|concept|enum class)(?: \[\[nodiscard\]\])? (\w+)\b(?!;)|[\w:<>,&* ]+? (\w+)\()"
)


def is_code(text):
    return re.match(r"\s{3,}\S", text) is not None


def as_text(text):
    """Code is indented by two blanks or more, where Markdown wants four."""
    if is_code(text):
        return "  " + text
    return re.sub(r"<(?=[\w/.])", r"\\<", text)


def subjects(line):
    head = re.match(r"// ([^:]*):\s", line + " ")
    if not head:
        return set()
    return set(re.findall(r"\w+", re.sub(r"<.*?>", "", head[1])))


def convert(lines):
    about = subjects(lines[0])
    column = None  # Of a comment behind a declaration.
    after_code = after_blank = False
    commented = False  # The line above is a comment, or was given one.
    yield "/// @file"
    for number, line in enumerate(lines):
        whole = WHOLE.match(line)
        if whole and NO_COMMENT.match(whole[2]):
            yield ""
            continue
        if whole:
            behind = column == len(whole[1])
            commented = commented or not behind
            text = as_text(whole[2])
            if behind:
                text = "< " + whole[2].strip()
            elif is_code(whole[2]) and not after_code and not after_blank:
                yield whole[1] + "///"  # Markdown wants a blank line before code.
            after_code = is_code(whole[2])
            after_blank = not whole[2].strip()
            yield whole[1] + "///" + text
            continue
        after_code = after_blank = False
        found = BEHIND.match(line)
        if found and NO_COMMENT.match(line[len(found[1]) + 2 :]):
            found = None
        column = len(found[1]) if found else None
        if found:
            yield found[1] + "///< " + as_text(found[2])
            commented = False
            continue
        bare = line.strip()
        text = None
        if not commented:
            declaration = bare
            if bare.startswith("template <") and number + 1 < len(lines):
                declaration = lines[number + 1].strip()
            name = DECLARED.match(declaration)
            if name and (name[1] or name[2]) in about and not line.startswith("  "):
                text = SUBJECT
                about -= {name[1] or name[2]}
            for pattern, meaning in STANDARD:
                if re.match(pattern, bare):
                    text = meaning
        yield "/** %s */ %s" % (text, line) if text else line
        # A template's next lines belong to it.
        commented = bool(bare) and (commented or text is not None) and bare.startswith("template <")


def main():
    with open(sys.argv[1], encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    print("\n".join(convert(lines)))


if __name__ == "__main__":
    main()
