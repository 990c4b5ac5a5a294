"""The name and size of every run of bytes of a valid table, in order, as docs/format/table.md has
them in the rows of its example. Pure and thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.format.decode_table import (
    BLOCK_FIELDS,
    FILTER_FIELDS,
    FOOTER_FIELDS,
    HEADER_FIELDS,
    PROPERTIES_FIELDS,
    TRAILER_FIELDS,
    Entry,
    Fields,
    Table,
)
from tests.format.decode_value_segment import (
    PLAIN_BYTES,
    POINTER,
    POINTER_FIELDS,
    REF_FIELDS,
    refs_fields,
)

Runs = Iterator[tuple[str, int]]


def _named(end: str, fields: Fields) -> Runs:
    yield from ((f"{name}_{end}", size) for name, size in fields)


def _varint_bytes(value: int) -> int:
    return max(1, -(-value.bit_length() // 7))


def _shared(key: bytes, other: bytes) -> int:
    pairs = zip(key, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(key), len(other)))


def _entry(entry: Entry, index: int, head: bytes) -> Runs:
    """Entry number `index`; head is the key that it leaves the beginning of out."""
    shared = _shared(entry.key, head)
    suffix = len(entry.key) - shared
    yield f"kind_{index}", 1
    yield f"shared_{index}", _varint_bytes(shared)
    yield f"suffix_length_{index}", _varint_bytes(suffix)
    yield f"value_length_{index}", _varint_bytes(len(entry.value))
    yield f"deadline_{index}", 8 if entry.deadline else 0
    yield f"suffix_{index}", suffix
    if entry.kind == POINTER:
        yield from _named(str(index), POINTER_FIELDS[: 3 if len(entry.value) == PLAIN_BYTES else 4])
    else:
        yield f"value_{index}", len(entry.value)


def _payload(table: Table, number: int) -> Runs:
    """Of block number `number`, not compressed; group_shift is large enough."""
    block = table.blocks[number]
    first = sum(before.entry_count for before in table.blocks[:number])
    entries = table.entries[first : first + block.entry_count]
    spread = max(e.sequence for e in entries) - min(e.sequence for e in entries)
    yield from _named(f"data_{number}", BLOCK_FIELDS)
    yield f"tags_{number}", len(entries)
    yield f"sequences_{number}", len(entries) * -(-spread.bit_length() // 8)
    yield f"body_crcs_{number}", len(entries) * 4 if entries[0].body_crc else 0
    for index, entry in enumerate(entries, first):
        yield from _entry(entry, index, entries[0].key if index > first else b"")


def payload_layout(table: Table, number: int) -> list[tuple[str, int]]:
    """Every run of the payload of data block number `number`, those of no bytes left out."""
    return [(name, size) for name, size in _payload(table, number) if size]


def _data_block(table: Table, number: int) -> Runs:
    block = table.blocks[number]
    if block.size < block.raw_bytes:
        yield f"frame_data_{number}", block.size
    else:
        yield from _payload(table, number)
    yield from _named(f"of_data_{number}", TRAILER_FIELDS)


def _index(table: Table) -> Runs:
    key = b""
    yield "block_count_index", 4
    for number, block in enumerate(table.blocks):
        separator, negative = block.separator
        shared = _shared(separator, key)
        yield f"size_{number}", _varint_bytes(block.size)
        yield f"raw_bytes_{number}", _varint_bytes(block.raw_bytes)
        yield f"entry_count_{number}", _varint_bytes(block.entry_count)
        yield f"sequence_above_{number}", _varint_bytes((1 - negative) % (1 << 64))
        yield f"shared_separator_{number}", _varint_bytes(shared)
        yield f"suffix_length_separator_{number}", _varint_bytes(len(separator) - shared)
        yield f"separator_{number}", len(separator) - shared
        key = separator
    yield from _named("of_index", TRAILER_FIELDS)


def table_layout(table: Table) -> list[tuple[str, int]]:
    """Every run, those of no bytes left out. Requires a filter, and blocks of one group each."""
    runs: list[tuple[str, int]] = list(_named("header", HEADER_FIELDS))
    for number in range(len(table.blocks)):
        runs += _data_block(table, number)
    runs.append(("lines", len(table.filter_lines)))
    runs += _named("filter", FILTER_FIELDS)
    runs += _named("of_filter", TRAILER_FIELDS)
    runs += _index(table)
    runs += _named("properties", PROPERTIES_FIELDS)
    runs += [("first_key", len(table.first_key)), ("last_key", len(table.last_key))]
    for number in range(len(refs_fields(table.attached))):
        runs += _named(f"ref_{number}", REF_FIELDS)
    runs += _named("of_properties", TRAILER_FIELDS)
    runs += _named("footer", FOOTER_FIELDS)
    return [(name, size) for name, size in runs if size]
