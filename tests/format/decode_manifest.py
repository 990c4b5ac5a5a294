"""A reference decoder of manifests, written from docs/format/manifest.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.format.decode import VALID, crc32c
from tests.format.decode_lsm_manifest import PIN_BYTES, PIN_FIELDS, PINS_MAX, are_pins

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
    ("history_count", 8),
    ("epoch_count", 8),
    ("pin_count", 8),
    ("deadlines_count", 8),
    ("unused_2", 100),
    ("header_crc", 4),
)
ENTRY_FIELDS = (
    ("number", 4),
    ("kind", 1),
    ("sealed", 1),
    ("tombstone_share", 2),
    ("file_id", 8),
    ("birth_sequence", 8),
    ("last_sequence", 8),
    ("length", 8),
    ("first_sequence", 8),
    ("deadline_max_us", 8),
    ("expiring_granules", 4),
    ("entry_crc", 4),
)
EPOCH_FIELDS = (
    ("number", 8),
    ("last_sequence", 8),
    ("unused_3", 4),
    ("entry_crc", 4),
)
EPOCH_BYTES = 24
BUCKETS = range(1, 8)
DEADLINES_FIELDS = (
    ("number", 4),
    *((f"{what}_{bucket}", 4) for bucket in BUCKETS for what in ("until", "granules")),
    ("entry_crc", 4),
)
DEADLINES_BYTES = 64
SEGMENTS_MAX = 8 * 1024 * 1024


@dataclass
class Manifest:
    """What was seen: VALID, DAMAGED or ANOTHER_FORMAT, and the fields if there are any."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    entries: list[dict[str, int]] = field(default_factory=list)
    history: list[dict[str, int]] = field(default_factory=list)
    epochs: list[dict[str, int]] = field(default_factory=list)
    pins: list[dict[str, int]] = field(default_factory=list)
    deadlines: list[dict[str, int]] = field(default_factory=list)


def decode_manifest(data: bytes) -> Manifest:
    """Decodes the bytes of a whole manifest file."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return Manifest(DAMAGED)
    numbers = _fields(data, HEADER_FIELDS)
    if crc32c(data[:252]) != numbers["header_crc"]:
        return Manifest(DAMAGED)
    if numbers["format_version"] != 1 or numbers["engine"] != 1:
        return Manifest(ANOTHER_FORMAT, numbers)
    history_at = HEADER_BYTES + numbers["segment_count"] * ENTRY_BYTES
    epochs_at = history_at + numbers["history_count"] * ENTRY_BYTES
    pins_at = epochs_at + numbers["epoch_count"] * EPOCH_BYTES
    deadlines_at = pins_at + numbers["pin_count"] * PIN_BYTES
    fits = len(data) == deadlines_at + numbers["deadlines_count"] * DEADLINES_BYTES
    fits = fits and numbers["deadlines_count"] <= numbers["segment_count"]
    counts = (numbers["segment_count"], numbers["history_count"], numbers["epoch_count"])
    if not fits or max(counts) > SEGMENTS_MAX or numbers["pin_count"] > PINS_MAX:
        return Manifest(DAMAGED, numbers)
    pieces = _pieces(data[HEADER_BYTES:history_at], ENTRY_BYTES)
    history_pieces = _pieces(data[history_at:epochs_at], ENTRY_BYTES)
    epoch_pieces = _pieces(data[epochs_at:pins_at], EPOCH_BYTES)
    pin_pieces = _pieces(data[pins_at:deadlines_at], PIN_BYTES)
    deadlines_pieces = _pieces(data[deadlines_at:], DEADLINES_BYTES)
    found = Manifest(
        VALID,
        numbers,
        [_fields(piece, ENTRY_FIELDS) for piece in pieces],
        [_fields(piece, ENTRY_FIELDS) for piece in history_pieces],
        [_fields(piece, EPOCH_FIELDS) for piece in epoch_pieces],
        [_fields(piece, PIN_FIELDS) for piece in pin_pieces],
        [_fields(piece, DEADLINES_FIELDS) for piece in deadlines_pieces],
    )
    whole = all(
        crc32c(data[:252] + piece[:-4]) == int.from_bytes(piece[-4:], "little")
        for piece in pieces + history_pieces + epoch_pieces + pin_pieces + deadlines_pieces
    )
    legal = _is_legal(found) and are_pins(pin_pieces, found.pins) and _are_deadlines(found)
    found.result = VALID if whole and legal else DAMAGED
    return found


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _is_legal(found: Manifest) -> bool:
    numbers = found.numbers
    listed = [entry["number"] for entry in found.entries]
    kept = [entry["number"] for entry in found.history]
    both = found.entries + found.history
    ends = [epoch["last_sequence"] for epoch in found.epochs]
    return (
        not numbers["unused_1"] + numbers["unused_2"]
        and numbers["clean"] in (0, 1)
        and listed == sorted(set(listed))
        and kept == sorted(set(kept))
        and max(listed + kept, default=0) < numbers["next_number"] <= 1 << 32
        and all(number > 0 for number in listed + kept)
        and all(entry["kind"] in (1, 2) and entry["sealed"] in (0, 1) for entry in both)
        and all(entry["kind"] == 1 and entry["sealed"] == 1 for entry in found.history)
        and all(0 < entry["first_sequence"] <= entry["last_sequence"] for entry in found.history)
        and ends == sorted(set(ends))
        and 0 not in ends
        and not any(entry["tombstone_share"] for entry in found.history)
        and not any(epoch["unused_3"] for epoch in found.epochs)
    )


def _are_deadlines(found: Manifest) -> bool:
    granules = {entry["number"]: entry["expiring_granules"] for entry in found.entries}
    numbers = [entry["number"] for entry in found.deadlines]
    return (
        numbers == sorted(set(numbers))
        and set(numbers) <= granules.keys()
        and all(
            sum(entry[f"granules_{bucket}"] for bucket in BUCKETS) <= granules[entry["number"]]
            and all((not entry[f"until_{b}"]) == (not entry[f"granules_{b}"]) for b in BUCKETS)
            for entry in found.deadlines
        )
    )


def _fields(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    numbers = {}
    at = 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers
