"""Comma-separated values (RFC 4180), with a header that names the columns of key and value.

A column `key` holds text, `key_escape`, `key_hex` and `key_base64` what they say; `value` likewise.
A column `expires_us` holds the microseconds since 1970 at which a row expires, or nothing. Other
columns are refused, because they would be lost.
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
    Row,
    RowError,
    cell_bytes,
    deadline_of,
    field_format,
    field_name,
    row_of,
)

_HEADER_TEXT: Final = (
    "the header must name two columns, the key and the value, as in key,value or key_hex,value_hex"
)


def read_csv(stream: IO[bytes], key_format: Format, value_format: Format) -> Iterator[Row]:
    """The rows of a stream. The formats are those of columns named just key and value. RowError."""
    # A limit of the module, for this process: values may be long.
    csv.field_size_limit(sys.maxsize)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        yield from _rows(csv.reader(text, strict=True), key_format, value_format)
    finally:
        text.detach()


def _rows(reader: Any, key_format: Format, value_format: Format) -> Iterator[Row]:
    cells = _next_cells(reader)
    if cells is None:
        return
    key = field_format(cells, "key", key_format)
    value = field_format(cells, "value", value_format)
    count = 3 if EXPIRES in cells else 2
    if key is None or value is None or len(cells) != count:
        raise RowError(1, _HEADER_TEXT)
    key_column, value_column = cells.index(key[0]), cells.index(value[0])
    expires_column = cells.index(EXPIRES) if count == 3 else None
    while (cells := _next_cells(reader)) is not None:
        number = reader.line_num
        if len(cells) != count:
            text = f"{len(cells)} columns where the header has {count}: quote commas"
            raise RowError(number, text)
        yield row_of(
            cell_bytes(cells[key_column], key[1], "key", number),
            cell_bytes(cells[value_column], value[1], "value", number),
            None if expires_column is None else cells[expires_column] or None,
            number,
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
    rows: Iterable[Row], stream: IO[bytes], key_format: Format, value_format: Format
) -> None:
    """Writes a header and each row. CodingError for bytes that the formats cannot show."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    try:
        # Every cell is quoted: an empty key beside an empty value is then no blank line.
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        names = (field_name("key", key_format), field_name("value", value_format), EXPIRES)
        writer.writerow(names)
        for row in rows:
            expires = deadline_of(row) or ""
            writer.writerow((to_text(row[0], key_format), to_text(row[1], value_format), expires))
    finally:
        text.detach()
