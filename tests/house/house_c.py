"""A reader of our C: just enough of the language for the house rules, given our brace style.

A function's opening brace stands alone in the first column and its closing brace is the next one in
the first column; clang-format keeps it so.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE
)
_INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
_CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")


@dataclass(frozen=True)
class Function:
    """A function definition: its name, the line of its first word, its length in lines."""

    name: str
    line: int
    length: int


def blank(text: str) -> str:
    """Return the text with comments and literals replaced by spaces; lines and columns stay."""
    return _TOKEN.sub(lambda token: re.sub(r"[^\n]", " ", token[0]), text)


def includes(text: str) -> list[tuple[int, bool, str]]:
    """Return (line, is a system header, name) of every include."""
    return [(line_of(text, m.start(1)), m[1] == "<", m[2]) for m in _INCLUDE.finditer(text)]


def calls(text: str) -> list[tuple[int, str]]:
    """Return (line, name) of everything called by name; calls through a member are left out."""
    code = blank(text)
    return [(line_of(code, m.start()), m[1]) for m in _CALL.finditer(code)]


def functions(text: str) -> list[Function]:
    """Return the function definitions of a file."""
    lines = blank(text).split("\n")
    found = []
    for index, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = _signature_start(lines, index)
        last = next((i for i in range(index, len(lines)) if lines[i].startswith("}")), len(lines))
        name = re.search(r"(\w+)\s*\(", " ".join(lines[first:index]))
        found.append(Function(name[1] if name else "?", first + 1, last - first + 1))
    return found


def misplaced_braces(text: str) -> list[int]:
    """Return the lines that open a function body at the end of its signature."""
    lines = blank(text).split("\n")
    return [
        i + 1 for i, line in enumerate(lines) if re.match(r"[A-Za-z_][^=]*\)\s*\{\s*\S*$", line)
    ]


def line_of(text: str, position: int) -> int:
    """Return the line number of a position."""
    return text.count("\n", 0, position) + 1


def _signature_start(lines: list[str], brace: int) -> int:
    """Return the index of the first line of the signature that ends above the brace."""
    first = brace
    while first > 0:
        above = lines[first - 1].rstrip()
        if not above.strip() or above.endswith((";", "}", "\\")) or above.startswith("#"):
            break
        first -= 1
    return first
