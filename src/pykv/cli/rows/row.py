"""What the kinds of row files have in common: rows, faults, lines, and names of fields.

Readers are iterators of rows over a binary stream; writers take rows and a binary stream. They may
be used by one thread at a time and leave the stream open.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final, TypeAlias

from pykv.cli.coding import FORMATS, CodingError, DataError, Format, to_bytes

#: A key and a value, when the row expires in microseconds since 1970 (0: never), and the name of
#: its namespace (None: the default one).
Row: TypeAlias = (
    tuple[bytes, bytes] | tuple[bytes, bytes, int] | tuple[bytes, bytes, int, str | None]
)

#: The fields or columns of that time and of that name.
EXPIRES: Final = "expires_us"
NAMESPACE: Final = "namespace"


@dataclass(frozen=True, slots=True)
class Made:
    """Says that there is a namespace, whether it has rows or not."""

    name: str


#: What a line of a file is.
Line: TypeAlias = Row | Made

#: The longest line that is read, in bytes: the largest key and value in any format have room.
LINE_BYTES_MAX: Final = 5 << 30
_NAME_BYTES_MAX: Final = 255
_DIGITS_MAX: Final = len(str(1 << 64))
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
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


def row_of(key: bytes, value: bytes, expires: object, number: int, namespace: object = None) -> Row:
    """A row of a line. expires, namespace: the cells; None where it has none. RowError."""
    name = None if namespace is None else name_of(namespace, number)
    if expires is None:
        return (key, value) if name is None else (key, value, 0, name)
    digits = str(expires)
    is_number = digits.isdecimal() and len(digits) <= _DIGITS_MAX and not isinstance(expires, bool)
    if not is_number or not 0 < int(digits) < 1 << 64:
        raise RowError(number, f"{EXPIRES} must be microseconds since 1970, not {digits[:40]!r}")
    return (key, value, int(digits)) if name is None else (key, value, int(digits), name)


def name_of(cell: object, number: int) -> str:
    """The name of a namespace in a line. RowError."""
    if not isinstance(cell, str):
        raise RowError(number, f"the name of a namespace is text, not {cell!r:.40}")
    length = len(cell.encode("utf-8", "replace"))
    if not 0 < length <= _NAME_BYTES_MAX or _SURROGATES.search(cell):
        raise RowError(
            number,
            f"the name of a namespace has 1 to {_NAME_BYTES_MAX} bytes of UTF-8: {cell!r:.40}",
        )
    return cell


def deadline_of(row: Row) -> int | None:
    """When a row expires, None: never."""
    return row[2] if len(row) > 2 and row[2] else None


def namespace_of(row: Row) -> str | None:
    """The namespace of a row, None: the default one."""
    return row[3] if len(row) == 4 else None
