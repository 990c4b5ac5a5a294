"""Tab-separated values: a key, a tab and a value on each line, without a header.

Behind them a cell expires_us=N holds the microseconds since 1970 at which the row expires, and a
cell namespace=NAME, in the format escape, the namespace that it is in. A line that has that cell
alone says that there is the namespace.

The formats are those that the caller gives; "escape" takes every key and value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import IO, Final

from pykv.cli.coding import CodingError, Format, to_text
from pykv.cli.rows.row import (
    EXPIRES,
    NAMESPACE,
    Line,
    Made,
    RowError,
    cell_bytes,
    deadline_of,
    lines_of,
    name_of,
    namespace_of,
    row_of,
)

# Under "utf8" these would end a cell or vanish from the start of a file.
_BREAKING: Final = re.compile("[\t\n\r\ufeff]")
_EXPIRES: Final = f"{EXPIRES}="
_NAMESPACE: Final = f"{NAMESPACE}="


def read_tsv(stream: IO[bytes], key_format: Format, value_format: Format) -> Iterator[Line]:
    """The rows of a stream. RowError."""
    for number, line in lines_of(stream):
        cells = line.split("\t")
        if len(cells) == 1 and line.startswith(_NAMESPACE):
            yield Made(name_of(_named(line, number), number))
            continue
        more = dict(_more_of(cells))
        if len(cells) != 2:
            raise RowError(
                number,
                f"{len(cells)} columns where a key, one tab and a value belong: "
                "write a tab inside them as \\t",
            )
        name = more.get(_NAMESPACE)
        yield row_of(
            cell_bytes(cells[0], key_format, "key", number),
            cell_bytes(cells[1], value_format, "value", number),
            more.get(_EXPIRES),
            number,
            None if name is None else _named(_NAMESPACE + name, number),
        )


def _more_of(cells: list[str]) -> Iterator[tuple[str, str]]:
    """Takes the cells behind key and value away, and gives what they hold."""
    for start in (_NAMESPACE, _EXPIRES):
        if len(cells) > 2 and cells[-1].startswith(start):
            yield start, cells.pop().removeprefix(start)


def _named(cell: str, number: int) -> str:
    data = cell_bytes(cell.removeprefix(_NAMESPACE), "escape", NAMESPACE, number)
    return data.decode("utf-8", "surrogateescape")


def write_tsv(
    rows: Iterable[Line], stream: IO[bytes], key_format: Format, value_format: Format
) -> None:
    """Writes each row on a line. CodingError for what a line of these formats cannot hold."""
    for row in rows:
        if isinstance(row, Made):
            stream.write(f"{_name_cell(row.name)}\n".encode())
            continue
        cells = [_cell(row[0], key_format), _cell(row[1], value_format)]
        if deadline_us := deadline_of(row):
            cells.append(f"{_EXPIRES}{deadline_us}")
        if (name := namespace_of(row)) is not None:
            cells.append(_name_cell(name))
        stream.write("\t".join(cells).encode() + b"\n")


def _name_cell(name: str) -> str:
    return _NAMESPACE + to_text(name.encode(), "escape")


def _cell(data: bytes, how: Format) -> str:
    text = to_text(data, how)
    if how == "utf8" and _BREAKING.search(text):
        raise CodingError(f"{data[:32]!r} has a tab or a line end: choose escape, hex or base64")
    return text
