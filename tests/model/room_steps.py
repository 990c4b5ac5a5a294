"""Reads of arrays into room that is used again, for the metamorphic test and the store machine."""

import random
from typing import Any

import pykv
from tests.model.oracle import Row
from tests.model.step import KEYS, Step, items_of

# The longest key and value of either test: with less no row has room.
KEY_BYTES, VALUE_BYTES = 300, 5_000


def draw_room(rng: random.Random) -> Step:
    """A get of some keys, of which some may come twice, or a scan of all rows."""
    some, data_bytes = rng.choices(KEYS, k=rng.randrange(12)), rng.choice([0, 900, 1 << 20])
    row_count, spare = rng.choice([1, 5, 100]), rng.choice([0, 900, 1 << 20])
    steps: list[Step] = [
        (
            f"get {len(some)} in a room of {data_bytes}",
            lambda reader: got_in_room(reader, some, data_bytes),
            lambda to: [to.rows.get(key) for key in [*some, *some[::-1]]],
        ),
        (
            f"scan in a room of {row_count} rows and {spare}",
            lambda reader: sorted(scanned_in_room(reader, row_count, spare)),
            lambda to: to.scan(),
        ),
    ]
    return rng.choice(steps)


def got_in_room(reader: Any, keys: list[bytes], data_bytes: int) -> list[bytes | None]:
    """The values of keys, and again backwards, in one room, which is made anew if too small."""
    room, needed_bytes = pykv.Rows.empty(len(keys), data_bytes), 0
    try:
        first = reader.get_arrays(items_of(keys), room)
    except pykv.ArrayTooSmallError as error:
        needed_bytes = error.needed_bytes
    if needed_bytes:
        room = pykv.Rows.empty(len(keys), needed_bytes)
        first = reader.get_arrays(items_of(keys), room)
        assert first.offsets[-1] == needed_bytes > data_bytes
    found: list[bytes | None] = first.to_list()
    return found + list(reader.get_arrays(items_of(keys[::-1]), room).to_list())


def scanned_in_room(reader: Any, row_count: int, spare: int) -> list[Row]:
    """All rows, by chunks in one room that has place for one row and spare bytes."""
    room = pykv.RowChunk.empty(row_count, KEY_BYTES + spare, VALUE_BYTES + spare)
    return [row for chunk in reader.scan_arrays(out=room) for row in chunk.to_list()]
