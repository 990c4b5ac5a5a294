"""A reference decoder of pykv's files, written from docs/format/ alone.

It shares no code with the C core and is slow on purpose: a second reading of the documents, against
which their examples are checked. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

VALID = "valid"
HEADER_INVALID = "header invalid"
CUT_OFF = "cut off"
BODY_INVALID = "body invalid"

RECORD_HEADER_BYTES = 24
RECORD_GRANULE_BYTES = 8
VALUE_BYTES_MAX = 1 << 30
PUT, DELETE, CLEAR, RANGE_DELETE = 1, 2, 3, 4
INGEST, DICTIONARY = 6, 7
KEY_BYTES_MAX = 65_541
BATCH, BATCH_LAST, DEADLINE, NAMESPACE, LONG_KEY = 0x01, 0x02, 0x08, 0x10, 0x40
FLAGS_KNOWN = 0x7F

#: Extension fields in their order: flag, then name and size of each field.
RECORD_EXTENSION: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = (
    (0x04, (("synced_through", 8),)),
    (0x02, (("batch_count", 4), ("batch_crc", 4))),
    (0x08, (("deadline_us", 8),)),
    (0x10, (("namespace_id", 4),)),
    (0x20, (("codec", 4),)),
    (0x40, (("key_length_high", 4),)),
)


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for index in range(256):
        crc = index
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _crc32c_table()


def crc32c(data: bytes) -> int:
    """The Castagnoli CRC of data, as docs/format/README.md defines it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def u32(value: int) -> bytes:
    """The four bytes of an unsigned number."""
    return value.to_bytes(4, "little")


def u64(value: int) -> bytes:
    """The eight bytes of an unsigned number."""
    return value.to_bytes(8, "little")


@dataclass
class Decoded:
    """What a decoder saw.

    result is VALID, HEADER_INVALID, CUT_OFF or BODY_INVALID; numbers and texts are the fields that
    could be read, by name; layout has (offset, size, name) of every run of bytes that was read.
    """

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    texts: dict[str, bytes] = field(default_factory=dict)
    layout: list[tuple[int, int, str]] = field(default_factory=list)


class _Cursor:
    """Reads little-endian numbers and runs of bytes one after the other, and notes where."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.layout: list[tuple[int, int, str]] = []

    def take(self, name: str, size: int) -> bytes:
        run = self.data[self.at : self.at + size]
        if size:
            self.layout.append((self.at, size, name))
        self.at += size
        return run

    def number(self, name: str, size: int) -> int:
        return int.from_bytes(self.take(name, size), "little")


def record_head_bytes(flags: int) -> int:
    """Size of header and extension of a record with these flags."""
    sizes = (size for flag, fields in RECORD_EXTENSION if flags & flag for _, size in fields)
    return RECORD_HEADER_BYTES + sum(sizes)


def _record_header_is_legal(numbers: dict[str, int]) -> bool:
    kind, flags = numbers["kind"], numbers["flags"]
    key_length, value_length = numbers["key_length"], numbers["value_length"]
    return (
        kind in (PUT, DELETE, CLEAR, RANGE_DELETE, INGEST, DICTIONARY)
        and not flags & ~FLAGS_KNOWN
        and not (flags & BATCH_LAST and not flags & BATCH)
        and value_length <= VALUE_BYTES_MAX
        and not (kind in (DELETE, CLEAR) and value_length)
        and not (kind in (CLEAR, DICTIONARY) and (key_length or flags & LONG_KEY))
        and not (kind in (RANGE_DELETE, INGEST) and value_length > KEY_BYTES_MAX)
        and numbers["sequence"] > 0
    )


def decode_record(data: bytes, file_id: int, offset: int) -> Decoded:
    """Decodes the record at the start of data, which stands at offset of the file with this id."""
    if len(data) < RECORD_HEADER_BYTES:
        return Decoded(HEADER_INVALID)
    cursor = _Cursor(data)
    numbers = {
        name: cursor.number(name, size)
        for name, size in (
            ("header_crc", 4),
            ("body_crc", 4),
            ("value_length", 4),
            ("key_length", 2),
            ("kind", 1),
            ("flags", 1),
            ("sequence", 8),
        )
    }
    head_bytes = record_head_bytes(numbers["flags"])
    if len(data) < head_bytes:
        return Decoded(HEADER_INVALID)
    covered = u64(file_id) + u64(offset) + data[4:head_bytes]
    if crc32c(covered) != numbers["header_crc"] or not _record_header_is_legal(numbers):
        return Decoded(HEADER_INVALID)
    for flag, fields in RECORD_EXTENSION:
        if numbers["flags"] & flag:
            numbers.update({name: cursor.number(name, size) for name, size in fields})
    if numbers["flags"] & LONG_KEY:
        numbers["key_length"] += numbers["key_length_high"] << 16
        if numbers["key_length_high"] != 1 or numbers["key_length"] > KEY_BYTES_MAX:
            return Decoded(HEADER_INVALID)
    return _decode_record_body(cursor, numbers)


def _decode_record_body(cursor: _Cursor, numbers: dict[str, int]) -> Decoded:
    end = cursor.at + numbers["key_length"] + numbers["value_length"]
    padding_bytes = -end % RECORD_GRANULE_BYTES
    if len(cursor.data) < end + padding_bytes:
        return Decoded(CUT_OFF, numbers)
    key = cursor.take("key", numbers["key_length"])
    value = cursor.take("value", numbers["value_length"])
    padding = cursor.take("padding", padding_bytes)
    covered = cursor.data[8:15] + b"\0"
    if numbers["flags"] & DEADLINE:
        covered += u64(numbers["deadline_us"])
    if numbers["flags"] & NAMESPACE:
        covered += u32(numbers["namespace_id"])
    intact = crc32c(covered + key + value) == numbers["body_crc"] and not any(padding)
    result = VALID if intact else BODY_INVALID
    return Decoded(result, numbers, {"key": key, "value": value}, cursor.layout)


def batch_crc(header_crcs: list[int]) -> int:
    """The check of a batch over the header checks of its members before the last, in order."""
    return crc32c(b"".join(u32(crc) for crc in header_crcs))
