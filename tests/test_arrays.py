"""Rows and RowChunk, what becomes of arrays that are given, and the way to Arrow."""

import sys

import numpy as np
import pytest

from pykv.arrays import Items, RowChunk, Rows, check_room, items_of, room_rows
from pykv.errors import KeyTooLargeError


def rows_of(*items: bytes | None) -> Rows:
    data = np.frombuffer(b"".join(item or b"" for item in items), np.uint8)
    ends = np.cumsum([0, *(len(item or b"") for item in items)], dtype=np.int64)
    return Rows(data, ends, np.array([item is not None for item in items], np.bool_))


def test_rows_are_a_sequence_of_bytes_and_none() -> None:
    rows = rows_of(b"one", None, b"", b"four")
    assert len(rows) == 4
    assert [rows[index] for index in range(4)] == list(rows) == [b"one", None, b"", b"four"]
    assert rows[-1] == b"four"
    assert rows.to_list() == list(rows)
    with pytest.raises(IndexError):
        rows[4]
    with pytest.raises(IndexError):
        rows[-5]
    assert repr(rows) == "<pykv.Rows: 4 rows, 7 bytes>"


def test_a_chunk_pairs_its_keys_and_values() -> None:
    chunk = RowChunk(rows_of(b"a", b"b"), rows_of(b"1", b"22"))
    assert len(chunk) == 2
    assert chunk.to_list() == [(b"a", b"1"), (b"b", b"22")]
    assert repr(chunk) == "<pykv.RowChunk: 2 rows, 5 bytes>"


def test_empty_rows_are_room_for_so_many() -> None:
    room = check_room(Rows.empty(5, 100), "out")
    assert (room_rows(room), room.data.nbytes) == (5, 100)
    assert room_rows(Rows(room.data, room.offsets[:0], room.found)) == 0
    chunk = RowChunk.empty(5, 10, 20)
    assert (chunk.keys.data.nbytes, chunk.values.data.nbytes) == (10, 20)


def test_nothing_is_copied_on_the_way_in_but_native_numbers() -> None:
    for given in (np.zeros(3, "V4"), np.zeros(3, "S4"), np.zeros((3, 4), np.uint8)):
        items = items_of(given, "keys")
        assert np.shares_memory(items.data, given)
        assert (items.count, items.width, items.offsets) == (3, 4, None)
        assert items.trims == (given.dtype.kind == "S")
    rows = rows_of(b"a", b"bc")
    items = items_of(rows, "values")
    assert items.data is rows.data
    assert items.offsets is rows.offsets
    numbers = np.array([1], np.uint64)
    assert items_of(numbers, "keys").to_list() == [b"\0\0\0\0\0\0\0\1"]


def test_items_become_bytes_of_their_layout() -> None:
    def listed(data: bytes, width: int, count: int, trims: bool = False) -> list[bytes]:
        return Items(np.frombuffer(data, np.uint8), None, width, count, "keys", trims).to_list()

    assert listed(b"ab\0cd\0", 3, 2) == [b"ab\0", b"cd\0"]
    assert listed(b"ab\0cd\0", 3, 2, True) == [b"ab", b"cd"]
    assert listed(b"", 0, 2) == [b"", b""]
    assert listed(b"", 3, 0) == []


def test_a_dtype_wider_than_a_key_is_refused_for_keys() -> None:
    with pytest.raises(KeyTooLargeError, match="65,535"):
        items_of(np.zeros(0, "V65536"), "keys")
    assert items_of(np.zeros(0, "V65536"), "values").count == 0


# ---- Arrow ----


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"Rows.to_arrow needs pyarrow: pip install 'pykv\[arrow"):
        rows_of(b"a").to_arrow()
    with pytest.raises(ImportError, match=r"RowChunk.to_arrow needs pyarrow"):
        RowChunk(rows_of(b"a"), rows_of(b"b")).to_arrow()


def test_arrow_has_the_same_rows_in_the_same_memory() -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: it comes with extra arrow")
    rows = rows_of(b"one", None, b"", b"four")
    array = rows.to_arrow()
    array.validate(full=True)
    assert array.to_pylist() == [b"one", None, b"", b"four"]
    assert array.null_count == 1
    _, offsets, data = array.buffers()
    assert offsets.address == rows.offsets.ctypes.data
    assert data.address == rows.data.ctypes.data
    whole = rows_of(b"one", b"").to_arrow()
    whole.validate(full=True)
    assert whole.buffers()[0] is None
    batch = RowChunk(rows_of(b"a", b"b"), rows_of(b"1", b"22")).to_arrow()
    batch.validate(full=True)
    assert batch.to_pydict() == {"key": [b"a", b"b"], "value": [b"1", b"22"]}
    assert rows_of().to_arrow().to_pylist() == []


def test_whole_numbers_as_keys_are_told_to_be_unsigned() -> None:
    # The bytes of an int64 are not in the order of its numbers, nor what others look for.
    with pytest.raises(TypeError, match=r"array\.astype\(np\.uint64\)"):
        items_of(np.arange(3), "keys")
    with pytest.raises(TypeError, match=r"array\.view\('V4'\)"):
        items_of(np.arange(3, dtype=np.int32), "values")
