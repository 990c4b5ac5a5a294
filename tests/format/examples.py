"""Finds the worked examples of docs/format/, whose form docs/format/README.md describes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

DOCUMENTS = Path(__file__).resolve().parents[2] / "docs" / "format"
_FENCE = "```"
_ROW = re.compile(r"(\d+): ((?:[0-9a-f]{2} ?)+?)(?:  +([a-z_0-9]+)(?: .*)?)?")


@dataclass
class Example:
    """One example: what is said about it, its bytes, and the named runs of bytes in order."""

    captions: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    layout: list[tuple[int, int, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the example, unique in its document."""
        return self.captions["name"]

    def number(self, caption: str) -> int:
        """The number, decimal or 0x..., that caption gives."""
        return int(self.captions[caption], 0)

    def _add_caption(self, line: str) -> None:
        caption, colon, text = line.partition(":")
        if not colon or caption in self.captions:
            raise ValueError(f"not a caption, or given twice: {line!r}")
        self.captions[caption] = text.strip()

    def _add_row(self, line: str) -> None:
        match = _ROW.fullmatch(line)
        if match is None:
            raise ValueError(f"not a row of bytes: {line!r}")
        if int(match[1]) != len(self.data):
            raise ValueError(f"row says {match[1]}, bytes before it: {len(self.data)}")
        run = bytes.fromhex(match[2])
        if match[3] is not None:
            self.layout.append((len(self.data), len(run), match[3]))
        else:
            start, size, name = self.layout.pop()
            self.layout.append((start, size + len(run), name))
        self.data += run


def parse_example(lines: list[str]) -> Example:
    """Reads the lines between the fences. Raises ValueError for anything out of form."""
    example = Example()
    captions_end = lines.index("")
    for line in lines[:captions_end]:
        example._add_caption(line)
    for line in lines[captions_end + 1 :]:
        example._add_row(line)
    return example


def find_examples(document: Path) -> list[Example]:
    """All examples of one document, in order."""
    found: list[Example] = []
    lines: list[str] | None = None
    for line in document.read_text(encoding="ascii").splitlines():
        if lines is None:
            lines = [] if line == _FENCE + "example" else None
        elif line == _FENCE:
            found.append(parse_example(lines))
            lines = None
        else:
            lines.append(line)
    if lines is not None:
        raise ValueError(f"{document.name}: the last example has no closing fence")
    return found
