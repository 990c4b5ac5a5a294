"""A reference decoder of manifests, written from docs/format/manifest.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.format.decode import VALID, crc32c

DAMAGED = "damaged"
ANOTHER_FORMAT = "another format"
MAGIC = b"PYKVMAN\n"
HEADER_BYTES = 256
ENTRY_BYTES = 64

#: Name and size of every field in order.
HEADER_FIELDS = (
    ("magic", 8),
    ("format_version", 4),
    ("engine", 1),
    ("clean", 1),
    ("unused_1", 2),
    ("store_id", 8),
    ("edit", 8),
    ("merge_edit", 8),
    ("epoch", 8),
    ("hash_seed_low", 8),
    ("hash_seed_high", 8),
    ("next_number", 8),
    ("last_sequence", 8),
    ("durable_through", 8),
    ("wall_high_us", 8),
    ("segment_count", 8),
    ("sealed_sequence", 8),
    ("clear_sequence", 8),
    ("unused_2", 132),
    ("header_crc", 4),
)
ENTRY_FIELDS = (
    ("number", 4),
    ("kind", 1),
    ("sealed", 1),
    ("unused_3", 2),
    ("file_id", 8),
    ("birth_sequence", 8),
    ("last_sequence", 8),
    ("length", 8),
    ("first_sequence", 8),
    ("deadline_max_us", 8),
    ("expiring_granules", 4),
    ("entry_crc", 4),
)


@dataclass
class Manifest:
    """What was seen: VALID, DAMAGED or ANOTHER_FORMAT, and the fields if there are any."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    entries: list[dict[str, int]] = field(default_factory=list)


def decode_manifest(data: bytes) -> Manifest:
    """Decodes the bytes of a whole manifest file."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return Manifest(DAMAGED)
    numbers = _fields(data, HEADER_FIELDS)
    if crc32c(data[:252]) != numbers["header_crc"]:
        return Manifest(DAMAGED)
    if numbers["format_version"] != 1 or numbers["engine"] != 1:
        return Manifest(ANOTHER_FORMAT, numbers)
    if len(data) != HEADER_BYTES + numbers["segment_count"] * ENTRY_BYTES:
        return Manifest(DAMAGED, numbers)
    starts = range(HEADER_BYTES, len(data), ENTRY_BYTES)
    pieces = [data[start : start + ENTRY_BYTES] for start in starts]
    entries = [_fields(piece, ENTRY_FIELDS) for piece in pieces]
    whole = all(
        crc32c(data[:252] + piece[:60]) == entry["entry_crc"]
        for piece, entry in zip(pieces, entries, strict=True)
    )
    legal = _is_legal(numbers, entries)
    return Manifest(VALID if whole and legal else DAMAGED, numbers, entries)


def _is_legal(numbers: dict[str, int], entries: list[dict[str, int]]) -> bool:
    listed = [entry["number"] for entry in entries]
    unused = numbers["unused_1"] + numbers["unused_2"]
    return (
        not unused
        and numbers["clean"] in (0, 1)
        and listed == sorted(set(listed))
        and max(listed, default=0) < numbers["next_number"] <= 1 << 32
        and all(number > 0 for number in listed)
        and all(entry["kind"] in (1, 2) and entry["sealed"] in (0, 1) for entry in entries)
        and not any(entry["unused_3"] for entry in entries)
    )


def _fields(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    numbers = {}
    at = 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers
