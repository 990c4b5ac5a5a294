"""Finds the examples of a document and makes programs of them.

A block fenced as `python` is run; all of a page share their names, in order. A comment behind an
expression is its value, if it is a literal: it is compared. A block fenced as `python needs NAME`
runs if module NAME is there. Of a block fenced as `sh` the lines that begin with "pykv" are run.
"""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FENCED = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """An example: where it stands, its language, the module that it needs or "", its text."""

    page: str
    line: int
    language: str
    needs: str
    text: str

    @property
    def name(self) -> str:
        """Where to find it, as in "README.md:12"."""
        return f"{self.page}:{self.line}"


def blocks_of(page: str) -> list[Block]:
    """All examples of a page, whose path is relative to the repository."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for match in _FENCED.finditer(text):
        needs = match[2].split()[1] if match[2].split()[:1] == ["needs"] else ""
        line = text.count("\n", 0, match.start()) + 2
        found.append(Block(page, line, match[1], needs, textwrap.dedent(match[3])))
    return found


def checked(block: Block) -> str:
    """The Python of a block in which the values of comments are compared."""
    lines = block.text.split("\n")
    for node in ast.walk(ast.parse(block.text)):
        if not isinstance(node, ast.Expr) or node.lineno != node.end_lineno:
            continue
        code, mark, comment = lines[node.lineno - 1].partition("  # ")
        if mark and _is_literal(comment):
            where = f"{block.page}:{block.line + node.lineno - 1}"
            compared = f"_compare({code.strip()}, {comment}, {where!r})"
            lines[node.lineno - 1] = " " * node.col_offset + compared
    return "\n".join(lines)


def program(blocks: list[Block]) -> str:
    """One program of the Python blocks; errors name the line of the page."""
    parts = [
        "def _compare(got, wanted, where):\n"
        "    assert got == wanted, f'{where}: {got!r} is not {wanted!r}'\n"
    ]
    for block in blocks:
        code = "\n" * (block.line - 1) + checked(block)
        parts.append(f"exec(compile({code!r}, {block.page!r}, 'exec'))\n")
    return "".join(parts)


def commands(block: Block) -> str:
    """The lines of a shell block that call pykv, and those that go on with such a line."""
    lines = [line for line in block.text.split("\n") if re.search(r"\bpykv\b", line)]
    return "\n".join(lines)


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return False
    return True
