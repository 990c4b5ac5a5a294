"""A reference decoder of an LSM store's manifest, written from docs/format/lsm_manifest.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from tests.format.decode import VALID, crc32c

DAMAGED = "damaged"
ANOTHER_FORMAT = "another format"
MAGIC = b"PYKVMAN\n"
HEADER_BYTES = 256
LOG_BYTES = 32
TABLE_BYTES = 128
VALUES_BYTES = 48
LEVEL_COUNT = 7
LOG_HEADER_GRANULES = 8

EIGHTHS = range(1, 8)

#: Name and size of every field in order.
HEADER_FIELDS = (
    ("magic", 8),
    ("format_version", 4),
    ("engine", 1),
    ("clean", 1),
    ("unused_1", 2),
    ("store_id", 8),
    ("edit", 8),
    ("unused_2", 8),
    ("epoch", 8),
    ("hash_seed_low", 8),
    ("hash_seed_high", 8),
    ("next_number", 8),
    ("last_sequence", 8),
    ("durable_through", 8),
    ("wall_high_us", 8),
    ("log_count", 8),
    ("table_count", 8),
    ("flushed_sequence", 8),
    ("range_count", 8),
    ("values_count", 8),
    ("range_bytes", 8),
    ("pin_count", 8),
    ("unused_3", 100),
    ("header_crc", 4),
)
LOG_FIELDS = (
    ("number", 4),
    ("history_end", 4),
    ("file_id", 8),
    ("birth_sequence", 8),
    ("epoch", 4),
    ("entry_crc", 4),
)
TABLE_FIELDS = (
    ("number", 4),
    ("level", 1),
    ("unused_6", 3),
    ("file_id", 8),
    ("file_bytes", 8),
    ("entry_count", 8),
    ("tombstone_count", 8),
    ("sequence_min", 8),
    ("sequence_max", 8),
    ("deadline_min_us", 8),
    ("deadline_max_us", 8),
    ("raw_bytes", 8),
    ("file_crc", 4),
    ("unused_7", 4),
    ("deletes_through", 8),
    *((f"eighth_{eighth}", 4) for eighth in EIGHTHS),
    ("entry_crc", 4),
)
VALUES_FIELDS = (
    ("number", 4),
    ("unused_9", 4),
    ("file_id", 8),
    ("file_bytes", 8),
    ("value_count", 8),
    ("value_bytes", 8),
    ("unused_10", 4),
    ("entry_crc", 4),
)
RANGE_FIELDS = (
    ("sequence", 8),
    ("start_length", 4),
    ("stop_length", 4),
    ("unused_11", 4),
    ("entry_crc", 4),
)
PIN_FIELDS = (
    ("sequence", 8),
    ("bytes_max", 8),
    ("until_us", 8),
    ("name_length", 4),
    ("name", 64),
    ("unused_12", 8),
    ("entry_crc", 4),
)
PIN_BYTES = 104
PINS_MAX = 16
RANGE_HEAD_BYTES = 24
RANGE_BYTES_MAX = 1 << 30


@dataclass
class LsmManifest:
    """What was seen: VALID, DAMAGED or ANOTHER_FORMAT, and the fields if there are any."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    logs: list[dict[str, int]] = field(default_factory=list)
    tables: list[dict[str, int]] = field(default_factory=list)
    values: list[dict[str, int]] = field(default_factory=list)
    ranges: list[dict[str, int]] = field(default_factory=list)
    pins: list[dict[str, int]] = field(default_factory=list)
    bounds: list[tuple[bytes, bytes]] = field(default_factory=list)


def decode_lsm_manifest(data: bytes) -> LsmManifest:
    """Decodes the bytes of a whole manifest file."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return LsmManifest(DAMAGED)
    numbers = _fields(data, HEADER_FIELDS)
    if crc32c(data[:252]) != numbers["header_crc"]:
        return LsmManifest(DAMAGED)
    if numbers["format_version"] != 1 or numbers["engine"] != 2:
        return LsmManifest(ANOTHER_FORMAT, numbers)
    tables_at = HEADER_BYTES + numbers["log_count"] * LOG_BYTES
    values_at = tables_at + numbers["table_count"] * TABLE_BYTES
    ranges_at = values_at + numbers["values_count"] * VALUES_BYTES
    pins_at = ranges_at + numbers["range_bytes"]
    fits = len(data) == pins_at + numbers["pin_count"] * PIN_BYTES
    if not fits or numbers["range_bytes"] > RANGE_BYTES_MAX or numbers["pin_count"] > PINS_MAX:
        return LsmManifest(DAMAGED, numbers)
    pin_pieces = _pieces(data[pins_at:], PIN_BYTES)
    log_pieces = _pieces(data[HEADER_BYTES:tables_at], LOG_BYTES)
    table_pieces = _pieces(data[tables_at:values_at], TABLE_BYTES)
    values_pieces = _pieces(data[values_at:ranges_at], VALUES_BYTES)
    found = LsmManifest(
        VALID,
        numbers,
        [_fields(piece, LOG_FIELDS) for piece in log_pieces],
        [_fields(piece, TABLE_FIELDS) for piece in table_pieces],
        [_fields(piece, VALUES_FIELDS) for piece in values_pieces],
        pins=[_fields(piece, PIN_FIELDS) for piece in pin_pieces],
    )
    whole = all(
        crc32c(data[:252] + piece[:-4]) == int.from_bytes(piece[-4:], "little")
        for piece in log_pieces + table_pieces + values_pieces + pin_pieces
    )
    ranges_whole = _take_ranges(data[:252], data[ranges_at:pins_at], found)
    legal = _is_legal(found) and all(_is_table(table, numbers) for table in found.tables)
    legal = legal and are_pins(pin_pieces, found.pins)
    found.result = VALID if whole and legal and ranges_whole else DAMAGED
    return found


def _take_ranges(header: bytes, data: bytes, found: LsmManifest) -> bool:
    """Adds the deleted ranges and their bounds. False if they are not what they should be."""
    whole = True
    while data and whole:
        entry = _fields(data[:RANGE_HEAD_BYTES], RANGE_FIELDS)
        stop_at = RANGE_HEAD_BYTES + entry["start_length"]
        end = stop_at + entry["stop_length"]
        size = (end + 7) // 8 * 8
        start, stop = data[RANGE_HEAD_BYTES:stop_at], data[stop_at:end]
        whole = (
            len(data) >= size
            and crc32c(header + data[:20] + data[RANGE_HEAD_BYTES:size]) == entry["entry_crc"]
            and not any(data[end:size])
            and not _unused(entry)
            and 0 < entry["sequence"] <= found.numbers["last_sequence"]
            and (not stop or start < stop)
            and (not found.bounds or b"" < found.bounds[-1][1] <= start)
        )
        found.ranges.append(entry)
        found.bounds.append((start, stop))
        data = data[size:]
    return whole and len(found.ranges) == found.numbers["range_count"]


def _is_legal(found: LsmManifest) -> bool:
    numbers = found.numbers
    logs = [log["number"] for log in found.logs]
    history = [log["history_end"] for log in found.logs]
    places = [(table["level"], table["number"]) for table in found.tables]
    values = [segment["number"] for segment in found.values]
    given = logs + [number for _, number in places] + values
    return (
        not any(_unused(part) for part in [numbers, *found.logs, *found.tables, *found.values])
        and numbers["clean"] in (0, 1)
        and logs == sorted(logs)
        and not any(end and not before for before, end in pairwise(history))
        and all(end == 0 or end > LOG_HEADER_GRANULES for end in history)
        and places == sorted(places)
        and values == sorted(values)
        and len(given) == len(set(given))
        and min(given, default=1) > 0
        and max(given, default=0) < numbers["next_number"] <= 1 << 32
        and numbers["flushed_sequence"] <= numbers["last_sequence"]
    )


def are_pins(pieces: list[bytes], pins: list[dict[str, int]]) -> bool:
    names = [piece[28 : 28 + pin["name_length"]] for piece, pin in zip(pieces, pins, strict=True)]
    return (
        all(0 < pin["name_length"] <= 64 and not _unused(pin) for pin in pins)
        and not any(b"\0" in name for name in names)
        and len(names) == len(set(names))
        and all(
            not any(piece[28 + len(name) : 92]) for piece, name in zip(pieces, names, strict=True)
        )
    )


def _is_table(table: dict[str, int], numbers: dict[str, int]) -> bool:
    return (
        table["level"] < LEVEL_COUNT
        and table["entry_count"] > 0
        and table["tombstone_count"] <= table["entry_count"]
        and table["sequence_min"] <= table["sequence_max"] <= numbers["last_sequence"]
        and table["deletes_through"] <= numbers["last_sequence"]
        and _do_not_fall([table[f"eighth_{eighth}"] for eighth in EIGHTHS])
    )


def _do_not_fall(eighths: list[int]) -> bool:
    known = [second for second in eighths if second]
    return known == sorted(known) and not any(eighths[len(known) :])


def _unused(part: dict[str, int]) -> int:
    return sum(number for name, number in part.items() if name.startswith("unused"))


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _fields(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    numbers = {}
    at = 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers
