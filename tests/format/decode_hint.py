"""A reference decoder of hints, written from docs/format/hint.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.format.decode import VALID, crc32c

DAMAGED = "damaged"
ANOTHER_FORMAT = "another format"
MAGIC = b"PYKVHNT\n"
HEADER_BYTES = 64
ENTRY_BYTES = 24
NAMED_ENTRY_BYTES = 28
SEGMENT_HEADER_BYTES = 64
SEGMENT_BYTES_MAX = 1 << 35
SIZE_BITS = 28

#: Name and size of every field in order.
HEADER_FIELDS = (
    ("magic", 8),
    ("format_version", 4),
    ("number", 4),
    ("file_id", 8),
    ("segment_length", 8),
    ("store_id", 8),
    ("entry_count", 8),
    ("entries_crc", 4),
    ("unused", 8),
    ("header_crc", 4),
)
ENTRY_FIELDS = (("hash", 8), ("sequence", 8), ("granule", 4), ("kind_and_size", 4))
NAMED_ENTRY_FIELDS = (*ENTRY_FIELDS, ("namespace_id", 4))


@dataclass(frozen=True)
class Entry:
    """One record of the segment; offset and size are in bytes."""

    hash: int
    sequence: int
    offset: int
    kind: int
    size: int
    namespace_id: int = 0


@dataclass
class Hint:
    """What was seen: VALID, DAMAGED or ANOTHER_FORMAT, and the fields if there are any."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)


def decode_hint(data: bytes) -> Hint:
    """Decodes the bytes of a whole hint file."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return Hint(DAMAGED)
    numbers = _fields(data, HEADER_FIELDS)
    if crc32c(data[:60]) != numbers["header_crc"]:
        return Hint(DAMAGED)
    if numbers["format_version"] not in (1, 2):
        return Hint(ANOTHER_FORMAT, numbers)
    if numbers["unused"] or numbers["segment_length"] > SEGMENT_BYTES_MAX:
        return Hint(DAMAGED, numbers)
    is_named = numbers["format_version"] == 2
    step = NAMED_ENTRY_BYTES if is_named else ENTRY_BYTES
    sized = len(data) == HEADER_BYTES + numbers["entry_count"] * step
    if not sized or crc32c(data[HEADER_BYTES:]) != numbers["entries_crc"]:
        return Hint(DAMAGED, numbers)
    starts = range(HEADER_BYTES, len(data), step)
    entries = [_entry(data[start : start + step]) for start in starts]
    legal = all(_is_legal(entry, numbers["segment_length"]) for entry in entries)
    legal &= is_named == any(entry.namespace_id for entry in entries)
    return Hint(VALID if legal else DAMAGED, numbers, entries)


def _entry(data: bytes) -> Entry:
    numbers = _fields(data, ENTRY_FIELDS)
    packed = numbers["kind_and_size"]
    return Entry(
        hash=numbers["hash"],
        sequence=numbers["sequence"],
        offset=numbers["granule"] * 8,
        kind=packed >> SIZE_BITS,
        size=(packed & (1 << SIZE_BITS) - 1) * 8,
        namespace_id=int.from_bytes(data[ENTRY_BYTES:], "little"),
    )


def _is_legal(entry: Entry, segment_length: int) -> bool:
    return (
        entry.kind in (1, 2, 3)
        and entry.offset >= SEGMENT_HEADER_BYTES
        and entry.offset + entry.size <= segment_length
    )


def _fields(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    numbers = {}
    at = 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers
