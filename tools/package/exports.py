"""Which symbols of the library are public: what libjoblib.so exports.

A program includes the installed headers, and their templates and inline
functions call what those headers declare. So a symbol is public if an installed
header declares it: if each part of its name, but for the namespaces, stands in
one header, which defines the class that it is a member of. Everything else,
joblib::native and Abseil above all, stays private; so do inline functions and
instances of templates, as each program makes its own. Inline variables and
run-time type information are exported: there has to be one of each.

    exports.py LIBRARY HEADERS    what the library exports: functions, variables
                                  and classes, sorted, but for what is inline;
                                  HEADERS: include/joblib
"""

import os
import re
import subprocess
import sys

# The way to a worker: the program's start-up code has to find it.
HOOK = "__libc_start_main"

# c++filt's words for what belongs to a class or a variable.
_OF = re.compile(
    r"^(?:(?:vtable|VTT|typeinfo name|typeinfo|guard variable"
    r"|TLS wrapper function|TLS init function) for"
    r"|(?:non-virtual|virtual) thunk to) "
)
# The brackets of these are no template's.
_OPERATOR = re.compile(r"\boperator(?!\w).*$")
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)


def run(command, text=""):
    return subprocess.run(
        command, input=text, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def demangle(symbols):
    """Names without parameters, in the order of `symbols`."""
    return run(["c++filt", "-p"], "\n".join(symbols) + "\n").split("\n")[:-1]


def _without(text, opening, closing):
    """`text` without what stands in brackets, nested ones too."""
    kept, depth = [], 0
    for char in text:
        if char == opening:
            depth += 1
        elif char == closing and depth:
            depth -= 1
        elif not depth:
            kept.append(char)
    return "".join(kept)


def parts_of(name):
    """("joblib", "Batch", "run") of a demangled name; () if it is not ours."""
    name = _OF.sub("", name)
    if "{" in name or "(anonymous" in name:
        return ()
    name = _OPERATOR.sub("operator", name)
    name = re.sub(r"\[abi:\w+\]| const$", "", _without(name, "<", ">"))
    name = _without(name, "(", ")").replace("~", "")
    parts = tuple(name.split("::"))
    return parts if parts[0] == "joblib" else ()


class PublicNames:
    """What the texts of the installed headers declare."""

    def __init__(self, texts):
        self._headers = []
        self._namespaces = set()
        for text in texts:
            text = _COMMENT.sub(" ", text)
            for names in re.findall(r"\bnamespace\s+([\w:]+)", text):
                self._namespaces.update(names.split("::"))
            classes = re.findall(r"\b(?:class|struct|enum)\s+(\w+)[^;{()]*\{", text)
            functions = re.findall(r"\b(\w+)\s*\(", text)
            variables = re.findall(r"\b(?:extern|inline)\b[^;(){]*\b(\w+)\s*[;={]", text)
            words = set(re.findall(r"\w+", text))
            outer = set(classes) | set(functions) | set(variables)
            self._headers.append((outer, words))

    def entry(self, symbol_name):
        """The line in exports.txt of a demangled name, None: not public."""
        parts = parts_of(symbol_name)
        own = 0
        while own < len(parts) and parts[own] in self._namespaces:
            own += 1
        if own == len(parts):
            return None
        for outer, words in self._headers:
            if parts[own] in outer and words.issuperset(parts[own:]):
                return "::".join(parts[: own + 1])
        return None


def is_everybodys(name, kind):
    """Whether each program makes its own; `kind` is nm's letter."""
    return kind == "W" or kind in "Vu" and "<" in _OPERATOR.sub("", name)


def public_symbols(symbols, header_texts):
    """{mangled: entry} of those of {mangled: nm's letter} that are public."""
    names = PublicNames(header_texts)
    ours = sorted(symbol for symbol in symbols if "6joblib" in symbol)
    result = {}
    for symbol, name in zip(ours, demangle(ours)):
        if is_everybodys(name, symbols[symbol]):
            continue
        entry = names.entry(name)
        if entry:
            result[symbol] = entry
    return result


def exported_entries(library, folder):
    texts = []
    for parent, folders, names in os.walk(folder):
        if "third_party" in folders:
            folders.remove("third_party")
        for name in names:
            with open(os.path.join(parent, name), encoding="utf-8") as stream:
                texts.append(stream.read())
    symbols = {}
    for line in run(["nm", "-D", "--defined-only", library]).splitlines():
        _, kind, symbol = line.split()
        if kind not in "Vu":  # Which of these there are is up to the compiler.
            symbols[symbol] = kind
    public = public_symbols(symbols, texts)
    return sorted({public.get(symbol, symbol) for symbol in symbols})


if __name__ == "__main__":
    print("\n".join(exported_entries(*sys.argv[1:])))
