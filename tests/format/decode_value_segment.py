"""A reference decoder of value segments, and of what points to them, written from
docs/format/value_segment.md and the pages that it names alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.format.decode import HEADER_INVALID, PUT, VALID, VALUE_BYTES_MAX, Decoded, decode_record
from tests.format.decode_segment import HEADER_BYTES, VALUES, SegmentHeader, decode_segment
from tests.format.decode_table import ZSTD, check, unpacked

POINTER_FIELDS = (("number", 4), ("value_bytes", 4), ("offset", 8), ("stored_bytes", 4))
PLAIN_BYTES = 16
REF_FIELDS = (("number", 4), ("unused", 4), ("count", 8), ("bytes", 8))
REF_BYTES = 24
#: The kind of an entry of a table whose value is a pointer.
POINTER = 5


@dataclass
class ValueSegment:
    """What was seen: VALID or what the header or a record is else, and the records by offset."""

    result: str
    header: SegmentHeader
    records: dict[int, Decoded] = field(default_factory=dict)


def decode_value_segment(data: bytes) -> ValueSegment:
    """Decodes the bytes of a file up to where its last record ends."""
    header = decode_segment(data)
    if header.result != VALID or header.numbers["kind"] != VALUES:
        return ValueSegment(header.result if header.result != VALID else HEADER_INVALID, header)
    found = ValueSegment(VALID, header)
    at = HEADER_BYTES
    while at < len(data) and found.result == VALID:
        record = decode_record(data[at:], header.numbers["file_id"], at)
        found.result = record.result
        if record.result == VALID:
            found.records[at] = record
            at += sum(size for _, size, _ in record.layout)
    return found


def pointer_fields(data: bytes) -> dict[str, int]:
    """The fields of a pointer."""
    return _fields(data, POINTER_FIELDS[: 3 if len(data) == PLAIN_BYTES else 4])


def is_pointer(fields: dict[str, int]) -> bool:
    """Whether a pointer is one that the page allows."""
    return (
        fields["number"] > 0
        and fields["value_bytes"] <= VALUE_BYTES_MAX
        and fields["offset"] >= HEADER_BYTES
        and fields["offset"] % 8 == 0
        and fields.get("stored_bytes", -1) < fields["value_bytes"]
    )


def refs_fields(data: bytes) -> list[dict[str, int]]:
    """The segments that a table points to."""
    pieces = [data[start : start + REF_BYTES] for start in range(0, len(data), REF_BYTES)]
    return [_fields(piece, REF_FIELDS) for piece in pieces]


def are_refs(refs: list[dict[str, int]]) -> bool:
    """Whether a list of segments is one that the page allows."""
    numbers = [ref["number"] for ref in refs]
    return (
        sorted(set(numbers)) == numbers
        and min(numbers, default=1) > 0
        and all(ref["unused"] == 0 and ref["count"] > 0 for ref in refs)
    )


def value_behind(record: Decoded, pointer: dict[str, int]) -> bytes:
    """The value to which pointer leads, once record was found to be what it says."""
    stored = record.texts["value"]
    check(record.numbers["kind"] == PUT, "kind of a record")
    check(len(stored) == pointer.get("stored_bytes", pointer["value_bytes"]), "length of a value")
    check(("codec" in record.numbers) == ("stored_bytes" in pointer), "codec of a value")
    if "codec" not in record.numbers:
        return stored
    check(record.numbers["codec"] == ZSTD, "codec of a value")
    value = unpacked(stored, pointer["value_bytes"])
    check(len(value) == pointer["value_bytes"], "length of a value")
    return value


def _fields(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    check(len(data) == sum(size for _, size in fields), "size")
    numbers, at = {}, 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers
