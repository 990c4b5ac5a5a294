"""A reference decoder of key directory images, written from docs/format/keydir_image.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.format.decode import VALID, crc32c

DAMAGED = "damaged"
ANOTHER_FORMAT = "another format"
MAGIC = b"PYKVKEY\n"
PAGE_BYTES = 4096
HEADER_BYTES = 256
SEGMENT_BYTES = 32
BUCKET_BYTES = 64
UNIT_BYTES = 1024
LINE_BYTES = 64
BUCKET_UNITS_MAX = 14
UNIT_SLOTS = 128
UNIT_LINES = 16
LINE_SLOTS = 8
HOME_BITS = 10

#: Name and size of every field in order.
HEADER_FIELDS = (
    ("magic", 8),
    ("format_version", 4),
    ("page_bytes", 4),
    ("store_id", 8),
    ("merge_edit", 8),
    ("log_position", 8),
    ("bucket_count", 8),
    ("unit_count", 8),
    ("key_count", 8),
    ("segment_count", 8),
    ("payload_bytes", 8),
    ("checks_bytes", 8),
    ("epoch", 8),
    ("sequence", 8),
    ("space_id", 4),
    ("sections_behind", 4),
    ("unused", 140),
    ("header_crc", 4),
)
#: What all sections of an image have in common.
MOMENT = ("store_id", "merge_edit", "log_position", "epoch", "sequence")
SEGMENT_FIELDS = (("number", 8), ("address_base", 8), ("live_bytes", 8), ("live_count", 8))
BUCKET_FIELDS = (
    *((f"unit_{index}", 4) for index in range(BUCKET_UNITS_MAX)),
    ("used", 2),
    ("live", 2),
    ("unit_count", 1),
    ("unused", 3),
)
SLOT_FIELDS = tuple((f"slot_{index}", 8) for index in range(LINE_SLOTS))


def numbers_of(data: bytes, fields: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """The fields at the start of data by name, little-endian."""
    numbers = {}
    at = 0
    for name, size in fields:
        numbers[name] = int.from_bytes(data[at : at + size], "little")
        at += size
    return numbers


def round_up(size: int) -> int:
    """The size in whole pages."""
    return -(-size // PAGE_BYTES) * PAGE_BYTES


@dataclass
class Image:
    """A section: VALID, DAMAGED or ANOTHER_FORMAT, and the parts of it that could be read."""

    result: str
    numbers: dict[str, int] = field(default_factory=dict)
    segments: list[dict[str, int]] = field(default_factory=list)
    buckets: list[dict[str, int]] = field(default_factory=list)
    units: list[tuple[int, ...]] = field(default_factory=list)
    size: int = 0
    #: The sections behind the first one.
    behind: list[Image] = field(default_factory=list)

    @property
    def level(self) -> int:
        """The number of hash bits that choose a bucket which was not split in this round."""
        return self.numbers["bucket_count"].bit_length() - 1

    def place(self, key_hash: int) -> tuple[int, int]:
        """The bucket of a hash, and the hash bits above those that chose it."""
        depth = self.level
        split_index = self.numbers["bucket_count"] - (1 << depth)
        if key_hash % (1 << depth) < split_index:
            depth += 1
        return key_hash % (1 << depth), key_hash >> depth

    def line(self, bucket: dict[str, int], line: int) -> tuple[int, ...]:
        """The eight slots of a line of a bucket."""
        unit = self.units[bucket[f"unit_{line // UNIT_LINES}"]]
        first = line % UNIT_LINES * LINE_SLOTS
        return unit[first : first + LINE_SLOTS]

    def candidates(self, key_hash: int) -> Iterator[int]:
        """The addresses to which a hash leads."""
        bucket_index, want = self.place(key_hash)
        bucket = self.buckets[bucket_index]
        line_count = bucket["unit_count"] * UNIT_LINES
        home = want % (1 << HOME_BITS) * line_count >> HOME_BITS
        for step in range(line_count):
            slots = self.line(bucket, (home + step) % line_count)
            yield from (slot >> 24 for slot in slots if tag_matches(slot % (1 << 24), want))
            if slots[-1] == 0:
                return


def tag_matches(tag: int, want: int) -> bool:
    """True if the hash bits under the marker of a tag are the lowest of want."""
    if tag == 0:
        return False
    bit_count = tag.bit_length() - 1
    return (tag ^ want) % (1 << bit_count) == 0


def _table_is_intact(data: bytes, start: int, size: int, end: int) -> bool:
    table = data[start : start + size]
    check = int.from_bytes(data[start + size : start + size + 4], "little")
    return crc32c(table) == check and not any(data[start + size + 4 : end])


def _counts_are_legal(numbers: dict[str, int]) -> bool:
    buckets, units = numbers["bucket_count"], numbers["unit_count"]
    return (
        1 <= buckets <= 1 << 31
        and buckets <= units <= min(BUCKET_UNITS_MAX * buckets, (1 << 32) - 1)
        and numbers["key_count"] <= UNIT_SLOTS * units
        and numbers["segment_count"] <= 1 << 23
        and not numbers["unused"]
    )


def _bucket_is_legal(bucket: dict[str, int], unit_count: int) -> bool:
    count = bucket["unit_count"]
    return (
        1 <= count <= BUCKET_UNITS_MAX
        and bucket["live"] <= bucket["used"] <= UNIT_SLOTS * count
        and all(bucket[f"unit_{index}"] < unit_count for index in range(count))
        and not any(bucket[f"unit_{index}"] for index in range(count, BUCKET_UNITS_MAX))
        and not bucket["unused"]
    )


def _units_are_in_order(buckets: list[dict[str, int]]) -> bool:
    numbers = [
        bucket[f"unit_{index}"] for bucket in buckets for index in range(bucket["unit_count"])
    ]
    return numbers == list(range(len(numbers)))


def decode_keydir_image(data: bytes) -> Image:
    """Decodes the bytes of an image file. The first section tells of the whole."""
    first = _decode_section(data)
    last, at = first, first.size
    while last.result == VALID and last.numbers["sections_behind"] > 0:
        before, last = last, _decode_section(data[at:])
        at += last.size
        first.behind.append(last)
        if last.result == VALID and not _follows(first, before, last):
            last.result = DAMAGED
    if last.result != VALID:
        first.result = last.result
    elif at != len(data) or first.numbers["space_id"] != 0:
        first.result = DAMAGED
    return first


def _follows(first: Image, before: Image, section: Image) -> bool:
    """Whether a section can be the one behind another one."""
    shares = iter(first.segments)
    return (
        all(section.numbers[name] == first.numbers[name] for name in MOMENT)
        and section.numbers["sections_behind"] == before.numbers["sections_behind"] - 1
        and section.numbers["space_id"] > before.numbers["space_id"]
        and all(any(_has_share(whole, own) for whole in shares) for own in section.segments)
        and sum(own["live_count"] for own in section.segments) == section.numbers["key_count"]
    )


def _has_share(whole: dict[str, int], own: dict[str, int]) -> bool:
    return (
        whole["number"] == own["number"]
        and whole["address_base"] == own["address_base"]
        and whole["live_bytes"] >= own["live_bytes"]
        and whole["live_count"] >= own["live_count"]
    )


def _decode_section(data: bytes) -> Image:
    """Decodes the section that data begins with."""
    numbers = numbers_of(data, HEADER_FIELDS)
    if len(data) < HEADER_BYTES or crc32c(data[: HEADER_BYTES - 4]) != numbers["header_crc"]:
        return Image(DAMAGED)
    known = (data[:8], numbers["page_bytes"]) == (MAGIC, PAGE_BYTES)
    if not known or numbers["format_version"] not in (1, 2):
        return Image(ANOTHER_FORMAT, numbers)
    is_only = numbers["space_id"] == numbers["sections_behind"] == 0
    if not _counts_are_legal(numbers) or is_only != (numbers["format_version"] == 1):
        return Image(DAMAGED, numbers)
    return _decode_parts(data, numbers)


def _decode_parts(data: bytes, numbers: dict[str, int]) -> Image:
    segment_bytes = SEGMENT_BYTES * numbers["segment_count"]
    header_bytes = round_up(BUCKET_BYTES * numbers["bucket_count"])
    payload_bytes = header_bytes + round_up(UNIT_BYTES * numbers["unit_count"])
    page_count = payload_bytes // PAGE_BYTES
    checks_at = round_up(HEADER_BYTES + segment_bytes + 4)
    payload_at = checks_at + round_up(4 * page_count + 4)
    end = payload_at + payload_bytes
    sizes = (numbers["checks_bytes"], numbers["payload_bytes"])
    if sizes != (payload_at - checks_at, payload_bytes) or end > len(data):
        return Image(DAMAGED, numbers)
    segments_are_intact = _table_is_intact(data, HEADER_BYTES, segment_bytes, checks_at)
    if not segments_are_intact or not _table_is_intact(data, checks_at, 4 * page_count, payload_at):
        return Image(DAMAGED, numbers)
    for page in range(page_count):
        check = int.from_bytes(data[checks_at + 4 * page :][:4], "little")
        if crc32c(data[payload_at + PAGE_BYTES * page :][:PAGE_BYTES]) != check:
            return Image(DAMAGED, numbers)
    return _decode_payload(data, numbers, data[payload_at:end], header_bytes, end)


def _decode_payload(
    data: bytes, numbers: dict[str, int], payload: bytes, header_bytes: int, size: int
) -> Image:
    segments = [
        numbers_of(data[HEADER_BYTES + SEGMENT_BYTES * index :], SEGMENT_FIELDS)
        for index in range(numbers["segment_count"])
    ]
    buckets = [
        numbers_of(payload[BUCKET_BYTES * index :], BUCKET_FIELDS)
        for index in range(numbers["bucket_count"])
    ]
    units = []
    for index in range(numbers["unit_count"]):
        unit = payload[header_bytes + UNIT_BYTES * index :][:UNIT_BYTES]
        words = (unit[at : at + 8] for at in range(0, UNIT_BYTES, 8))
        units.append(tuple(int.from_bytes(word, "little") for word in words))
    legal = (
        all(_bucket_is_legal(bucket, numbers["unit_count"]) for bucket in buckets)
        and _units_are_in_order(buckets)
        and not any(payload[BUCKET_BYTES * len(buckets) : header_bytes])
        and not any(payload[header_bytes + UNIT_BYTES * len(units) :])
    )
    return Image(VALID if legal else DAMAGED, numbers, segments, buckets, units, size)
