"""A reference decoder of segment headers, written from docs/format/segment.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.format.decode import HEADER_INVALID, VALID, crc32c

ANOTHER_FORMAT = "another format"
HEADER_BYTES = 64
MAGIC = b"PYKVLOG\n"
APPEND, MERGED, VALUES = 1, 2, 3

#: Name and size of every field in order.
FIELDS = (
    ("magic", 8),
    ("format_version", 4),
    ("kind", 1),
    ("unused_1", 3),
    ("file_id", 8),
    ("number", 8),
    ("birth_sequence", 8),
    ("synced_through", 8),
    ("store_id", 8),
    ("unused_2", 4),
    ("header_crc", 4),
)


@dataclass
class SegmentHeader:
    """What was seen: VALID, HEADER_INVALID or ANOTHER_FORMAT, and the numbers if there are any."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)


def decode_segment(data: bytes) -> SegmentHeader:
    """Decodes the header at the start of data, the bytes of a log file."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return SegmentHeader(HEADER_INVALID)
    numbers = {}
    at = 0
    for name, size in FIELDS:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    if crc32c(data[:60]) != numbers["header_crc"]:
        return SegmentHeader(HEADER_INVALID)
    if numbers["format_version"] != 1:
        return SegmentHeader(ANOTHER_FORMAT, numbers)
    legal = (
        numbers["kind"] in (APPEND, MERGED, VALUES)
        and 1 <= numbers["number"] < 1 << 32
        and numbers["unused_1"] == numbers["unused_2"] == 0
    )
    return SegmentHeader(VALID if legal else HEADER_INVALID, numbers)
