"""A reference decoder of tables, written from docs/format/table.md alone.

It shares no code with the C core. Everything here is pure and thread-safe.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import zstandard
from tests.format.decode import KEY_BYTES_MAX, VALID, crc32c, u64
from tests.format.key_hash import key_hash

DAMAGED = "damaged"
ANOTHER_FORMAT = "another format"
HEADER_MAGIC = b"PYKVTBL\n"
FOOTER_MAGIC = b"PYKVEND\n"
HEADER_BYTES = 32
FOOTER_BYTES = 64
TRAILER_BYTES = 12
DATA, FILTER, INDEX, PROPERTIES = 1, 2, 3, 4
NONE, ZSTD = 1, 2
LINE_BYTES = 64
_MASK_64 = (1 << 64) - 1
_MASK_32 = (1 << 32) - 1

Fields = tuple[tuple[str, int], ...]

#: Name and size of every field in order.
HEADER_FIELDS: Fields = (
    ("magic", 8),
    ("format_version", 4),
    ("unused_1", 4),
    ("file_id", 8),
    ("unused_2", 4),
    ("header_crc", 4),
)
FOOTER_FIELDS: Fields = (
    ("filter_offset", 8),
    ("index_offset", 8),
    ("properties_offset", 8),
    ("filter_size", 4),
    ("index_size", 4),
    ("properties_size", 4),
    ("format_version", 4),
    ("file_id", 8),
    ("unused", 4),
    ("footer_crc", 4),
    ("magic", 8),
)
TRAILER_FIELDS: Fields = (("raw_bytes", 4), ("kind", 1), ("codec", 1), ("unused", 2), ("crc", 4))
BLOCK_FIELDS: Fields = (
    ("sequence_base", 8),
    ("entry_count", 4),
    ("sequence_width", 1),
    ("group_shift", 1),
    ("check_width", 1),
    ("unused", 1),
)
FILTER_FIELDS: Fields = (
    ("key_count", 8),
    ("line_count", 4),
    ("probe_count", 1),
    ("unused", 3),
)
PROPERTIES_FIELDS: Fields = (
    ("entry_count", 8),
    ("tombstone_count", 8),
    ("key_bytes", 8),
    ("value_bytes", 8),
    ("raw_bytes", 8),
    ("sequence_min", 8),
    ("sequence_max", 8),
    ("deadline_min", 8),
    ("deadline_max", 8),
    ("hash_seed_low", 8),
    ("hash_seed_high", 8),
    ("block_count", 4),
    ("key_length_max", 2),
    ("first_key_length", 2),
    ("last_key_length", 2),
    ("key_lengths_high", 2),
    ("attached_length", 4),
)


class DamageError(Exception):
    """The bytes break a rule of the page."""


@dataclass(frozen=True)
class Entry:
    """One entry; a deadline of 0 is none, and so is a body_crc where the block keeps none."""

    key: bytes
    sequence: int
    kind: int
    deadline: int
    value: bytes
    tag: int
    body_crc: int

    @property
    def position(self) -> tuple[bytes, int]:
        """What entries are ordered by."""
        return self.key, -self.sequence


@dataclass(frozen=True)
class Block:
    """A data block as the index has it; the separator is its key and its sequence."""

    offset: int
    size: int
    raw_bytes: int
    entry_count: int
    separator: tuple[bytes, int]


@dataclass
class Table:
    """What was seen: VALID, DAMAGED or ANOTHER_FORMAT, and all that could be read.

    layout has (offset, size, name) of every run of bytes between header and footer.
    """

    result: str
    why: str = ""
    header: dict[str, int] = field(default_factory=dict)
    footer: dict[str, int] = field(default_factory=dict)
    properties: dict[str, int] = field(default_factory=dict)
    first_key: bytes = b""
    last_key: bytes = b""
    attached: bytes = b""
    blocks: list[Block] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    filter_numbers: dict[str, int] = field(default_factory=dict)
    filter_lines: bytes = b""


class _Cursor:
    """Reads numbers and runs of bytes one after the other; DamageError where they are cut off."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        if size > len(self.data) - self.at:
            raise DamageError("cut off")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self, limit: int) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                check(value <= limit, "a number above its limit")
                return value
        raise DamageError("a number without an end")

    def fields(self, fields: Fields) -> dict[str, int]:
        return {name: self.number(size) for name, size in fields}


def check(condition: bool, why: str) -> None:
    """Raises DamageError unless condition holds."""
    if not condition:
        raise DamageError(why)


def decode_table(data: bytes) -> Table:
    """Decodes the bytes of a whole table file."""
    table = Table(VALID)
    try:
        _decode_ends(data, table)
        if table.result == VALID:
            _decode_properties(data, table)
            _decode_index(data, table)
            _decode_filter(data, table)
            for block in table.blocks:
                _decode_block(data, table, block)
    except DamageError as damage:
        table.result = DAMAGED
        table.why = str(damage)
    return table


def _decode_ends(data: bytes, table: Table) -> None:
    check(len(data) >= HEADER_BYTES + FOOTER_BYTES, "too short")
    check(data.startswith(HEADER_MAGIC) and data.endswith(FOOTER_MAGIC), "magic")
    table.header = header = _Cursor(data).fields(HEADER_FIELDS)
    check(crc32c(data[:28]) == header["header_crc"], "header_crc")
    if header["format_version"] != 1:
        table.result = ANOTHER_FORMAT
        return
    check(header["unused_1"] == header["unused_2"] == 0, "reserved bytes")
    start = len(data) - FOOTER_BYTES
    table.footer = footer = _Cursor(data[start:]).fields(FOOTER_FIELDS)
    covered = u64(header["file_id"]) + u64(start) + data[start : start + 52]
    check(crc32c(covered) == footer["footer_crc"], "footer_crc")
    check(footer["format_version"] == 1 and footer["unused"] == 0, "footer")
    check(footer["file_id"] == header["file_id"], "file_id")
    at = footer["filter_offset"]
    check(at > HEADER_BYTES + TRAILER_BYTES, "filter_offset")
    if footer["filter_size"]:
        at += footer["filter_size"] + TRAILER_BYTES
    check(at == footer["index_offset"], "index_offset")
    at += footer["index_size"] + TRAILER_BYTES
    check(at == footer["properties_offset"], "properties_offset")
    check(at + footer["properties_size"] + TRAILER_BYTES == start, "properties_size")


def _payload(data: bytes, table: Table, offset: int, size: int, kind: int) -> bytes:
    """The raw payload of a block, once its trailer was found right."""
    end = offset + size
    trailer = _Cursor(data[end : end + TRAILER_BYTES]).fields(TRAILER_FIELDS)
    covered = u64(table.header["file_id"]) + u64(offset) + data[offset : end + 8]
    check(crc32c(covered) == trailer["crc"], "crc of a block")
    check(trailer["kind"] == kind and trailer["unused"] == 0, "kind of a block")
    payload = data[offset:end]
    if trailer["codec"] == ZSTD and kind in (DATA, INDEX):
        payload = unpacked(payload, trailer["raw_bytes"])
    else:
        check(trailer["codec"] == NONE, "codec of a block")
    check(trailer["raw_bytes"] == len(payload), "raw_bytes of a block")
    return payload


def unpacked(frame: bytes, size: int) -> bytes:
    """What is in a frame of zstd that says that it holds so many bytes."""
    try:
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
    except zstandard.ZstdError as error:
        raise DamageError(str(error)) from error


def _decode_properties(data: bytes, table: Table) -> None:
    footer = table.footer
    payload = _payload(
        data, table, footer["properties_offset"], footer["properties_size"], PROPERTIES
    )
    cursor = _Cursor(payload)
    table.properties = numbers = cursor.fields(PROPERTIES_FIELDS)
    check(numbers["key_lengths_high"] < 8, "key_lengths_high")
    for bit, name in enumerate(("key_length_max", "first_key_length", "last_key_length")):
        numbers[name] += (numbers["key_lengths_high"] >> bit & 1) << 16
    table.first_key = cursor.take(numbers["first_key_length"])
    table.last_key = cursor.take(numbers["last_key_length"])
    table.attached = cursor.take(numbers["attached_length"])
    check(cursor.at == len(payload), "properties")
    longest = max(len(table.first_key), len(table.last_key))
    check(longest <= numbers["key_length_max"], "key_length_max")
    check(numbers["entry_count"] >= numbers["block_count"] >= 1, "counts")


def _decode_index(data: bytes, table: Table) -> None:
    footer = table.footer
    cursor = _Cursor(_payload(data, table, footer["index_offset"], footer["index_size"], INDEX))
    offset = HEADER_BYTES
    key = b""
    check(cursor.number(4) == table.properties["block_count"], "block_count")
    while cursor.at < len(cursor.data):
        size, raw, count = (cursor.varint(_MASK_32) for _ in range(3))
        sequence = (cursor.varint(_MASK_64) - 1) & _MASK_64
        key = key[: cursor.varint(len(key))]
        key += cursor.take(cursor.varint(KEY_BYTES_MAX - len(key)))
        block = Block(offset, size, raw, count, (key, -sequence))
        check(not table.blocks or table.blocks[-1].separator < block.separator, "separators")
        table.blocks.append(block)
        offset += size + TRAILER_BYTES
    check(len(table.blocks) == table.properties["block_count"], "block_count")
    check(offset == footer["filter_offset"], "the end of the data blocks")


def _decode_filter(data: bytes, table: Table) -> None:
    footer = table.footer
    if not footer["filter_size"]:
        return
    payload = _payload(data, table, footer["filter_offset"], footer["filter_size"], FILTER)
    check(len(payload) > 16, "filter")
    table.filter_lines = payload[:-16]
    table.filter_numbers = numbers = _Cursor(payload[-16:]).fields(FILTER_FIELDS)
    check(len(table.filter_lines) == numbers["line_count"] * LINE_BYTES > 0, "line_count")
    check(1 <= numbers["probe_count"] <= 16 and numbers["unused"] == 0, "probe_count")


def _decode_block(data: bytes, table: Table, block: Block) -> None:
    cursor = _Cursor(_payload(data, table, block.offset, block.size, DATA))
    check(block.raw_bytes == len(cursor.data), "raw_bytes")
    numbers = cursor.fields(BLOCK_FIELDS)
    count, width = numbers["entry_count"], numbers["sequence_width"]
    check(count == block.entry_count and count >= 1, "entry_count")
    check(width <= 8 and numbers["group_shift"] <= 15, "widths")
    check(numbers["check_width"] in (0, 4) and numbers["unused"] == 0, "check_width")
    tags = cursor.take(count)
    sequences = [numbers["sequence_base"] + cursor.number(width) for _ in range(count)]
    checks = [cursor.number(numbers["check_width"]) for _ in range(count)]
    first = cursor.at
    head = b""
    for index in range(count):
        check(cursor.at - first <= 65535, "an entry begins too far behind")
        is_head = index % (1 << numbers["group_shift"]) == 0
        key, kind, deadline, value = _entry(cursor, b"" if is_head else head)
        check(len(key) <= table.properties["key_length_max"], "key_length_max")
        head = key if is_head else head
        check(sequences[index] < _MASK_64, "sequence")
        table.entries.append(
            Entry(key, sequences[index], kind, deadline, value, tags[index], checks[index])
        )
    check(cursor.at == len(cursor.data), "bytes behind the last entry")


def _entry(cursor: _Cursor, head: bytes) -> tuple[bytes, int, int, bytes]:
    kind = cursor.number(1)
    check(kind & 15 != 0 and kind < 32, "kind")
    shared = cursor.varint(len(head))
    suffix_length = cursor.varint(KEY_BYTES_MAX - shared)
    value_length = cursor.varint(1 << 30)
    deadline = 0
    if kind & 16:
        deadline = cursor.number(8)
        check(deadline != 0, "deadline")
    key = head[:shared] + cursor.take(suffix_length)
    return key, kind & 15, deadline, cursor.take(value_length)


def hash_of(table: Table, key: bytes) -> int:
    """The hash of a key with the seeds of the table."""
    return key_hash(key, table.properties["hash_seed_low"], table.properties["hash_seed_high"])


def tag_of(table: Table, key: bytes) -> int:
    """The tag of a key."""
    return (hash_of(table, key) * 0x9E3779B97F4A7C15 & _MASK_64) >> 56


def may_contain(table: Table, key: bytes) -> bool:
    """What the filter says of a key."""
    hash_ = hash_of(table, key)
    line = (hash_ >> 32) * table.filter_numbers["line_count"] >> 32
    for i in range(1, table.filter_numbers["probe_count"] + 1):
        bit = ((hash_ & _MASK_32) * pow(0x9E3779B9, i, 1 << 32) & _MASK_32) >> 23
        if not table.filter_lines[line * LINE_BYTES + bit // 8] >> bit % 8 & 1:
            return False
    return True
