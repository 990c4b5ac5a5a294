"""Tab-separated values: a key, a tab and a value on each line, without a header.

A third cell, expires_us=N, holds the microseconds since 1970 at which the row expires.
The formats are those that the caller gives; "escape" takes every key and value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO, Final

from pykv.cli.coding import CodingError, Format, to_text
from pykv.cli.rows.row import EXPIRES, Row, RowError, cell_bytes, deadline_of, lines_of, row_of

# Under "utf8" these would end a cell or vanish from the start of a file.
_BREAKING: Final = re.compile("[\t\n\r\ufeff]")
_EXPIRES: Final = f"{EXPIRES}="


def read_tsv(stream: IO[bytes], key_format: Format, value_format: Format) -> Iterator[Row]:
    """The rows of a stream. RowError."""
    for number, line in lines_of(stream):
        cells = line.split("\t")
        expires = None
        if len(cells) == 3 and cells[2].startswith(_EXPIRES):
            expires = cells.pop().removeprefix(_EXPIRES)
        if len(cells) != 2:
            raise RowError(
                number,
                f"{len(cells)} columns where a key, one tab and a value belong: "
                "write a tab inside them as \\t",
            )
        yield row_of(
            cell_bytes(cells[0], key_format, "key", number),
            cell_bytes(cells[1], value_format, "value", number),
            expires,
            number,
        )


def write_tsv(
    rows: Iterable[Row], stream: IO[bytes], key_format: Format, value_format: Format
) -> None:
    """Writes each row on a line. CodingError for what a line of these formats cannot hold."""
    for row in rows:
        deadline_us = deadline_of(row)
        expires = f"\t{_EXPIRES}{deadline_us}" if deadline_us else ""
        line = f"{_cell(row[0], key_format)}\t{_cell(row[1], value_format)}{expires}\n"
        stream.write(line.encode())


def _cell(data: bytes, how: Format) -> str:
    text = to_text(data, how)
    if how == "utf8" and _BREAKING.search(text):
        raise CodingError(f"{data[:32]!r} has a tab or a line end: choose escape, hex or base64")
    return text
