"""Array calls over the other calls of a store: packing rows, and what a room lets through."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import pykv
from pykv.arrays import RowChunk, Rows
from pykv.engine.arrays import check_rooms, chunk_rows_of, pack, paired
from pykv.engine.batch import Operation
from pykv.errors import ArrayTooSmallError, NoSpaceError
from tests.contract import minimal_store


@pytest.fixture
def db(tmp_path: Path) -> Iterator[minimal_store.Minimal]:
    with minimal_store.Minimal(tmp_path / "rows", pykv.CommonOptions()) as store:
        yield store


def test_pack_puts_items_behind_each_other() -> None:
    rows = pack([b"one", b"", b"three"], [True, False, True], None, "out")
    assert rows.to_list() == [b"one", None, b"three"]
    assert rows.offsets.tolist() == [0, 3, 3, 8]
    room = Rows.empty(4, 9)
    packed = pack([b"12", b"3"], [True, True], room, "out")
    assert packed.to_list() == [b"12", b"3"]
    assert np.shares_memory(packed.data, room.data)
    with pytest.raises(ArrayTooSmallError, match=r"out.data has 9 bytes"):
        pack([b"0123456789"], [True], room, "out")
    with pytest.raises(ArrayTooSmallError, match="room for 4 rows, not for 5"):
        pack([b""] * 5, [True] * 5, room, "out")


def test_an_engine_without_array_calls_of_its_own_has_them(db: minimal_store.Minimal) -> None:
    keys = np.arange(3_000, dtype=">u8")
    db.put_arrays(keys, keys)
    assert len(db) == 3_000
    assert (db.get_arrays(keys).data.view(">u8") == keys).all()
    chunks = list(db.scan_arrays(chunk_rows=999))
    assert [len(each) for each in chunks] == [999, 999, 999, 3]
    db.delete_arrays(keys[:-1])
    assert list(db) == [keys[-1:].tobytes()]


@pytest.mark.parametrize(
    "out", [None, RowChunk.empty(65_536, 8, 65_536), RowChunk.empty(65_536, 65_536, 8)]
)
def test_a_scan_of_many_chunks_needs_no_deep_stack(
    db: minimal_store.Minimal, out: RowChunk | None
) -> None:
    """Each chunk was put before the rest by one more iterator around it: the 20,000th chunk went
    through 20,000 of them, which took the square of the time, and the end of a small stack."""
    count = 20_000
    keys = np.arange(count, dtype=">u8")
    db.put_arrays(keys, keys)
    seen: list[bytes | None] = []

    def read() -> None:
        for chunk in db.scan_arrays(chunk_rows=1 if out is None else 65_536, out=out):
            assert len(chunk) == 1
            seen.append(chunk.keys[0])

    before = threading.stack_size(131_072)
    try:
        reader = threading.Thread(target=read)
        reader.start()
    finally:
        threading.stack_size(before)
    reader.join()
    assert len(seen) == count
    assert len(set(seen)) == count


def test_a_failure_between_chunks_says_how_many_rows_were_written(
    db: minimal_store.Minimal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = np.arange(3_000, dtype=">u8")
    write = db._write

    def fail_later(operations: Sequence[Operation], sync: bool | None) -> None:
        if db.last_seq == 2_000:
            raise NoSpaceError("the disk is full")
        write(operations, sync)

    monkeypatch.setattr(db, "_write", fail_later)
    calls: list[Callable[[], None]] = [
        lambda: db.put_arrays(keys, keys),
        lambda: db.delete_arrays(keys),
    ]
    for call in calls:
        db._last_seq = 0
        with pytest.raises(NoSpaceError) as caught:
            call()
        assert caught.value.__notes__ == ["The first 2,000 of 3,000 rows were written."]
        with pytest.raises(NoSpaceError) as caught:
            call()
        assert not hasattr(caught.value, "__notes__")
    assert len(db) == 0


def test_the_room_of_a_scan_bounds_its_chunks() -> None:
    assert check_rooms(None) is None
    room = check_rooms(RowChunk(Rows.empty(7, 1), Rows.empty(5, 1)))
    assert room is not None
    assert chunk_rows_of(9, None) == 9
    assert chunk_rows_of(9, room) == 5
    with pytest.raises(TypeError, match="chunk_rows must be an int, not bool"):
        chunk_rows_of(True, None)


def test_keys_and_values_are_paired() -> None:
    names, data = paired(np.zeros(2, "V3"), np.zeros(2, "V5"))
    assert (names.width, data.width) == (3, 5)
    with pytest.raises(ValueError, match="there are 2 keys and 1 values"):
        paired(np.zeros(2, "V3"), np.zeros(1, "V5"))
