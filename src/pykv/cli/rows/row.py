"""What the kinds of row files have in common: rows, faults, lines, and names of fields.

Readers are iterators of rows over a binary stream; writers take rows and a binary stream. They may
be used by one thread at a time and leave the stream open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO, Final, TypeAlias

from pykv.cli.coding import FORMATS, CodingError, DataError, Format, to_bytes

#: A key and a value, and in rows that expire when that is, in microseconds since 1970.
Row: TypeAlias = tuple[bytes, bytes] | tuple[bytes, bytes, int]

#: The field or column of that time.
EXPIRES: Final = "expires_us"

#: The longest line that is read, in bytes: the largest key and value in any format have room.
LINE_BYTES_MAX: Final = 5 << 30
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class RowError(DataError):
    """A place in a file that is no row; the message names the line and what to do."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")


def lines_of(stream: IO[bytes], line_bytes_max: int = LINE_BYTES_MAX) -> Iterator[tuple[int, str]]:
    """Numbered lines of UTF-8 without their ends; blank ones and a byte order mark are left out.

    RowError for bytes that are not UTF-8, and for a line of line_bytes_max bytes or more.
    """
    number = 0
    while line := stream.readline(line_bytes_max):
        number += 1
        if len(line) == line_bytes_max:
            raise RowError(number, f"longer than {line_bytes_max:,} bytes: no row is")
        if number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        if line := line.removesuffix(b"\n").removesuffix(b"\r"):
            yield number, text_of(line, number)


def text_of(line: bytes, number: int) -> str:
    """The text of a line. RowError for bytes that are not UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise RowError(number, f"byte {error.start} is not UTF-8: convert the file") from None


def cell_bytes(text: str, how: Format, what: str, number: int) -> bytes:
    """The bytes of a key or value in a line. RowError where it is not in the format."""
    try:
        return to_bytes(text, how)
    except CodingError as error:
        raise RowError(number, f"the {what} is not {how}: {error}") from None


def field_format(names: Sequence[str], what: str, plain: Format) -> tuple[str, Format] | None:
    """The one name among names that holds `what`, and its format; None if none or several do.

    "key" is in the format plain, "key_hex" in hex, and so on for every format.
    """
    known = {what: plain} | {f"{what}_{how}": how for how in FORMATS}
    found = [(name, known[name]) for name in names if name in known]
    return found[0] if len(found) == 1 else None


def field_name(what: str, how: Format) -> str:
    """The name under which `field_format` finds what in the format how."""
    return what if how == "utf8" else f"{what}_{how}"


def row_of(key: bytes, value: bytes, expires: object, number: int) -> Row:
    """A row of a line. expires: the cell with its deadline; None where it has none. RowError."""
    if expires is None:
        return key, value
    digits = str(expires)
    if isinstance(expires, bool) or not digits.isdecimal() or not 0 < int(digits) < 1 << 64:
        raise RowError(number, f"{EXPIRES} must be microseconds since 1970, not {digits[:40]!r}")
    return key, value, int(digits)


def deadline_of(row: Row) -> int | None:
    """When a row expires, None: never."""
    return row[2] if len(row) == 3 and row[2] else None
