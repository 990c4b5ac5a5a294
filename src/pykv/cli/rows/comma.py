"""Comma-separated values (RFC 4180), with a header that names the columns of key and value.

A column `key` holds text, `key_escape`, `key_hex` and `key_base64` what they say; `value` likewise.
A column `expires_us` holds the microseconds since 1970 at which a row expires, or nothing, and a
column `namespace` the name of its namespace, or nothing. Other columns are refused, because they
would be lost. A line with one cell, namespace=NAME, says that there is that namespace.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

from pykv.cli.coding import Format, to_text
from pykv.cli.rows.row import (
    EXPIRES,
    NAMESPACE,
    Line,
    Made,
    RowError,
    cell_bytes,
    deadline_of,
    field_format,
    field_name,
    name_of,
    namespace_of,
    row_of,
)

_NAMED: Final = f"{NAMESPACE}="

_HEADER_TEXT: Final = (
    "the header must name two columns, the key and the value, as in key,value or key_hex,value_hex"
)


def read_csv(stream: IO[bytes], key_format: Format, value_format: Format) -> Iterator[Line]:
    """The rows of a stream. The formats are those of columns named just key and value. RowError."""
    # A limit of the module, for this process: values may be long.
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(csv.reader(text, strict=True), key_format, value_format)
    finally:
        text.detach()


def _rows(reader: Any, key_format: Format, value_format: Format) -> Iterator[Line]:
    names = _next_cells(reader)
    if names is None:
        return
    key = field_format(names, "key", key_format)
    value = field_format(names, "value", value_format)
    count = 2 + (EXPIRES in names) + (NAMESPACE in names)
    if key is None or value is None or len(names) != count:
        raise RowError(1, _HEADER_TEXT)
    while (cells := _next_cells(reader)) is not None:
        number = reader.line_num
        if len(cells) == 1 and cells[0].startswith(_NAMED):
            yield Made(name_of(cells[0].removeprefix(_NAMED), number))
            continue
        if len(cells) != count:
            text = f"{len(cells)} columns where the header has {count}: quote commas"
            raise RowError(number, text)
        row = dict(zip(names, cells, strict=True))
        yield row_of(
            cell_bytes(row[key[0]], key[1], "key", number),
            cell_bytes(row[value[0]], value[1], "value", number),
            row.get(EXPIRES) or None,
            number,
            row.get(NAMESPACE) or None,
        )


def _next_cells(reader: Any) -> list[str] | None:
    """The next row that is not blank, None at the end."""
    try:
        return next((cells for cells in reader if cells), None)
    except csv.Error as error:
        raise RowError(reader.line_num, f"{error}: mend the file") from None
    except UnicodeDecodeError:
        text = "here or soon after it is not UTF-8: convert the file"
        raise RowError(reader.line_num + 1, text) from None


def write_csv(
    rows: Iterable[Line],
    stream: IO[bytes],
    key_format: Format,
    value_format: Format,
    has_namespaces: bool = False,
) -> None:
    """Writes a header and each row. CodingError for bytes that the formats cannot show.

    has_namespaces: whether there is a column for them; without it rows are of the default one.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        # Every cell is quoted: an empty key beside an empty value is then no blank line.
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        names = [field_name("key", key_format), field_name("value", value_format), EXPIRES]
        writer.writerow(names + [NAMESPACE] * has_namespaces)
        for row in rows:
            if isinstance(row, Made):
                writer.writerow([_NAMED + row.name])
                continue
            cells = [to_text(row[0], key_format), to_text(row[1], value_format)]
            cells.append(str(deadline_of(row) or ""))
            writer.writerow(cells + [namespace_of(row) or ""] * has_namespaces)
    finally:
        text.detach()
