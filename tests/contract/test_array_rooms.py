"""Room that array calls are given: it belongs to the call, whatever others do with its parts."""

from typing import Any

import numpy as np
import pytest

import pykv


@pytest.fixture
def filled(db: Any) -> Any:
    """A store where the value of each of a hundred keys is a key."""
    keys = np.arange(100, dtype=">u8")
    db.put_arrays(keys, keys[::-1].copy())
    return db


def test_a_room_that_shares_memory_with_the_keys_is_refused(filled: Any) -> None:
    """Values were put where keys of later runs still stood: these were not found, or others."""
    keys = np.arange(100, dtype=">u8")
    room = pykv.Rows.empty(100, 1 << 20)
    found = filled.get_arrays(keys, room)
    for again in (found, (found.data, found.offsets), room.data[:800].reshape(100, 8)):
        with pytest.raises(ValueError, match="out shares memory"):
            filled.get_arrays(again, room)
    beside = pykv.Rows(room.data[1 << 19 :], np.zeros(101, np.int64), np.zeros(100, np.bool_))
    assert filled.get_arrays(found, beside).to_list() == [each.to_bytes(8) for each in range(100)]


@pytest.mark.parametrize("data_bytes", [0, 30_000])
def test_room_that_was_told_once_is_enough(db: Any, data_bytes: int) -> None:
    """The next 1,000 keys alone were told of: who made room as told was refused twenty times."""
    keys = np.arange(5_500, dtype=">u8")
    values = np.random.default_rng(3).integers(0, 256, (5_500, 20), dtype=np.uint8)
    db.put_arrays(keys, values)
    with pytest.raises(pykv.ArrayTooSmallError) as caught:
        db.get_arrays(keys, pykv.Rows.empty(5_500, data_bytes))
    assert caught.value.needed_bytes == values.size
    rows = db.get_arrays(keys, pykv.Rows.empty(5_500, values.size))
    assert np.array_equal(rows.data.reshape(values.shape), values)


def test_keys_and_values_of_a_room_are_apart(filled: Any) -> None:
    room = pykv.Rows.empty(100, 1000)
    with pytest.raises(ValueError, match=r"out\.keys shares memory"):
        filled.scan_arrays(out=pykv.RowChunk(room, room))


def test_a_room_that_is_changed_between_chunks_stays_what_it_was(filled: Any) -> None:
    """Offsets went to arrays that nobody had looked at, beyond the end of shorter ones."""
    room = pykv.RowChunk.empty(40, 1000, 1000)
    sizes = []
    for chunk in filled.scan_arrays(out=room):
        sizes.append(len(chunk))
        room.keys.offsets, room.values = np.zeros(1, np.int64), pykv.Rows.empty(0, 0)
    assert sizes == [40, 40, 20]
