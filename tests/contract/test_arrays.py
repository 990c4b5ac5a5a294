"""Array calls: the same rows as the other calls give, in arrays."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np
import pytest

import pykv
from pykv.errors import ArrayTooSmallError, ClosedError, KeyTooLargeError

Array = np.ndarray[Any, Any]


def ragged(items: list[bytes]) -> tuple[Array, Array]:
    """Items as (data, offsets)."""
    ends = np.cumsum([0, *map(len, items)], dtype=np.int64)
    return np.frombuffer(b"".join(items), np.uint8), ends


ITEMS = [b"", b"a", b"\0", b"ab\0", b"b" * 500, b"\xff\xff"]
VALUES = [b"of the empty key", b"", b"\0\0", b"v" * 100_000, b"x", b"y"]


@pytest.fixture
def filled(db: Any) -> Any:
    db.put_arrays(ragged(ITEMS), ragged(VALUES))
    return db


def test_keys_and_values_of_any_length_come_back(filled: Any) -> None:
    assert dict(filled.items()) == dict(zip(ITEMS, VALUES, strict=True))
    asked = [*ITEMS[::-1], b"absent", ITEMS[0]]
    rows = filled.get_arrays(ragged(asked))
    assert rows.to_list() == [*VALUES[::-1], None, VALUES[0]] == filled.get_many(asked)
    assert rows.found.tolist() == [True] * 6 + [False, True]
    assert (rows.data.dtype, rows.offsets.dtype) == (np.uint8, np.int64)
    assert rows.found.dtype == np.bool_
    assert rows.offsets[0] == 0
    assert rows.offsets[-1] == len(rows.data)


LAYOUTS: dict[str, tuple[Array, list[bytes]]] = {
    "V3": (np.frombuffer(b"ab\0cde", "V3"), [b"ab\0", b"cde"]),
    "S3": (np.array([b"ab", b"", b"cde"], "S3"), [b"ab", b"", b"cde"]),
    "uint8": (np.arange(6, dtype=np.uint8).reshape(2, 3), [b"\0\1\2", b"\3\4\5"]),
    ">u8": (np.array([1, 258], ">u8"), [b"\0\0\0\0\0\0\0\1", b"\0\0\0\0\0\0\1\2"]),
    "uint8 without columns": (np.empty((1, 0), np.uint8), [b""]),
    "no rows": (np.empty(0, "V16"), []),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_taken_for_keys_and_for_values(db: Any, layout: str) -> None:
    given, items = LAYOUTS[layout]
    db.put_arrays(given, given)
    assert sorted(db.items()) == sorted((each, each) for each in items)
    assert db.get_arrays(given).to_list() == items
    db.delete_arrays(given)
    assert len(db) == 0


def test_native_numbers_are_keys_in_their_order_but_no_values(db: Any) -> None:
    numbers = np.array([300, 2, 1 << 63], np.uint64)
    db.put_arrays(numbers, np.frombuffer(b"abc", "V1"))
    assert db[(300).to_bytes(8, "big")] == b"a"
    assert db.get_arrays(numbers[::-1].copy()).to_list() == [b"c", b"b", b"a"]
    with pytest.raises(TypeError, match=r"values must be .*array\.view"):
        db.put_arrays(numbers, numbers)


def test_what_one_call_gives_another_takes(filled: Any, make_store: Any) -> None:
    copy = make_store()
    for chunk in filled.scan_arrays(chunk_rows=2):
        copy.put_arrays(chunk.keys, chunk.values)
    assert dict(copy.items()) == dict(filled.items())
    with pytest.raises(ValueError, match="keys: some of these rows were not found"):
        copy.delete_arrays(filled.get_arrays(ragged([b"a", b"absent"])))
    assert dict(copy.items()) == dict(filled.items())


# ---- scans ----


@pytest.mark.parametrize("chunk_rows", [1, 4, 5, 6, 65_536])
def test_a_scan_has_every_row_once(filled: Any, chunk_rows: int) -> None:
    chunks = list(filled.scan_arrays(chunk_rows=chunk_rows))
    assert [row for chunk in chunks for row in chunk.to_list()] == list(filled.scan())
    assert all(len(chunk) == min(chunk_rows, 6) for chunk in chunks[:-1])
    assert all(chunk.keys.found.all() and chunk.values.found.all() for chunk in chunks)


@pytest.mark.parametrize("taken", [0, 2])
def test_a_scan_that_is_closed_has_no_more_chunks(filled: Any, taken: int) -> None:
    with closing(filled.scan_arrays(chunk_rows=1)) as chunks:
        assert len([next(chunks) for _ in range(taken)]) == taken
    assert list(chunks) == []


def test_a_scan_shows_the_moment_of_its_call(filled: Any) -> None:
    before = list(filled.scan())
    chunks = filled.scan_arrays(chunk_rows=1)
    filled.clear()
    assert [row for chunk in chunks for row in chunk.to_list()] == before
    assert list(filled.scan_arrays()) == []


@pytest.mark.needs("order")
def test_bounds_are_those_of_scan(filled: Any) -> None:
    def rows(*bounds: bytes, **others: Any) -> Any:
        return [row for chunk in filled.scan_arrays(*bounds, **others) for row in chunk.to_list()]

    assert rows(b"a", b"b") == list(filled.scan(b"a", b"b")) != []
    assert rows(prefix=b"a") == list(filled.scan(prefix=b"a")) != []
    assert rows(b"b", b"a") == []


@pytest.mark.lacks("order")
def test_without_order_there_are_no_bounds(filled: Any) -> None:
    for bounds in ({"start": b"a"}, {"stop": b"a"}, {"prefix": b"a"}):
        with pytest.raises(pykv.NotSupportedError):
            filled.scan_arrays(**bounds)


@pytest.mark.needs("snapshot")
def test_a_snapshot_reads_at_its_moment(filled: Any) -> None:
    before = list(filled.scan())
    with filled.snapshot() as kept:
        filled.clear()
        assert kept.get_arrays(ragged(ITEMS)).to_list() == VALUES
        assert [row for chunk in kept.scan_arrays() for row in chunk.to_list()] == before
    with pytest.raises(ClosedError):
        kept.get_arrays(ragged(ITEMS))


# ---- out ----


def test_out_is_filled_again_and_again(filled: Any) -> None:
    room = pykv.Rows.empty(6, 200_000)
    for asked in (ITEMS, [b"absent", b"a"], []):
        rows = filled.get_arrays(ragged(asked), room)
        assert rows.to_list() == filled.get_many(asked)
        assert np.shares_memory(rows.offsets, room.offsets)
        assert not asked or np.shares_memory(rows.found, room.found)
    chunk = pykv.RowChunk.empty(4, 5_000, 200_000)
    seen = []
    for each in filled.scan_arrays(out=chunk):
        assert len(each) <= 4
        assert np.shares_memory(each.values.data, chunk.values.data)
        seen += each.to_list()
    assert seen == list(filled.scan())


def test_a_chunk_ends_where_out_is_full(db: Any) -> None:
    db.put_arrays(np.arange(100, dtype=">u8"), np.zeros((100, 30), np.uint8))
    sizes = [len(each) for each in db.scan_arrays(out=pykv.RowChunk.empty(99, 80, 100))]
    assert set(sizes[:-1]) == {3}
    assert sum(sizes) == 100


def test_too_small_an_out_says_what_it_needs(filled: Any) -> None:
    asked = ragged(ITEMS)
    with pytest.raises(ArrayTooSmallError, match=r"6") as caught:
        filled.get_arrays(asked, pykv.Rows.empty(5, 1 << 20))
    assert caught.value.needed_bytes == 0
    with pytest.raises(ArrayTooSmallError, match=r"out.data has 9 bytes") as caught:
        filled.get_arrays(asked, pykv.Rows.empty(6, 9))
    needed = caught.value.needed_bytes
    assert needed == sum(map(len, VALUES))
    assert filled.get_arrays(asked, pykv.Rows.empty(6, needed)).to_list() == VALUES
    for room in (pykv.RowChunk.empty(9, 499, 1 << 20), pykv.RowChunk.empty(9, 1 << 20, 99_999)):
        with pytest.raises(ArrayTooSmallError) as caught:
            list(filled.scan_arrays(out=room))
        assert caught.value.needed_bytes in (500, 100_000)
    with pytest.raises(ArrayTooSmallError):
        filled.scan_arrays(out=pykv.RowChunk.empty(0, 9, 9))


def read_only(rows: pykv.Rows, part: str) -> pykv.Rows:
    getattr(rows, part).flags.writeable = False
    return rows


@pytest.mark.parametrize("part", ["data", "offsets", "found"])
def test_an_out_that_cannot_be_written_to_is_refused(filled: Any, part: str) -> None:
    asked = ragged(ITEMS)
    with pytest.raises(ValueError, match=f"out.{part} is read-only"):
        filled.get_arrays(asked, read_only(pykv.Rows.empty(6, 1 << 20), part))
    for wrong in (np.zeros(9, np.float32), [1], np.zeros((9, 9), np.uint8), None):
        room = pykv.Rows.empty(6, 1 << 20)
        setattr(room, part, wrong)
        with pytest.raises((TypeError, ValueError), match=f"out.{part}"):
            filled.get_arrays(asked, room)
    strided = pykv.Rows.empty(12, 1 << 20)
    setattr(strided, part, getattr(strided, part)[::2])
    with pytest.raises(ValueError, match=f"out.{part} must be contiguous"):
        filled.get_arrays(asked, strided)
    chunk = pykv.RowChunk.empty(6, 9_999, 1 << 20)
    read_only(chunk.values, part)
    with pytest.raises(ValueError, match=f"out.values.{part} is read-only"):
        filled.scan_arrays(out=chunk)


def test_an_out_of_another_kind_is_a_type_error(filled: Any) -> None:
    with pytest.raises(TypeError, match="out must be a Rows"):
        filled.get_arrays(ragged(ITEMS), np.zeros(9, np.uint8))
    with pytest.raises(TypeError, match="out must be a RowChunk"):
        filled.scan_arrays(out=pykv.Rows.empty(1, 1))


# ---- what is refused ----

DATA = np.zeros(10, np.uint8)
REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "a list": ([b"a"], TypeError, "not list"),
    "bytes": (b"a", TypeError, "not bytes"),
    "str": (np.array(["a"]), TypeError, "encode"),
    "objects": (np.array([b"a"], object), TypeError, "not of object"),
    "floats": (np.zeros(3), TypeError, "not of float64"),
    "signed numbers": (np.zeros(3, np.int64), TypeError, "not of int64"),
    "fields": (np.zeros(3, "i4,i4"), TypeError, "not of"),
    "one dimension": (DATA, TypeError, "dimensions than 2"),
    "two dimensions": (np.zeros((2, 2), "V4"), ValueError, "one dimension, not 2"),
    "no dimension": (np.array(b"abc", "V3"), ValueError, "one dimension, not 0"),
    "a part of each line": (np.zeros((4, 4), np.uint8)[:, :2], ValueError, "contiguous"),
    "every second": (np.zeros(4, "V4")[::2], ValueError, "contiguous"),
    "three parts": ((DATA, DATA, DATA), TypeError, "not 3 parts"),
    "offsets of 32 bits": ((DATA, np.zeros(2, np.int32)), TypeError, "not int32"),
    "swapped offsets": ((DATA, np.zeros(2, ">i8")), TypeError, "not >i8"),
    "offsets in a list": ((DATA, [0, 1]), TypeError, "not list"),
    "no offset": ((DATA, np.zeros(0, np.int64)), ValueError, "one number more"),
    "signed data": ((DATA.view(np.int8), np.zeros(2, np.int64)), TypeError, "not int8"),
    "data in lines": ((np.zeros((2, 2), np.uint8), np.zeros(2, np.int64)), ValueError, "dimension"),
    "backwards": ((DATA, np.array([0, 4, 3])), ValueError, "item 1 goes from byte 4 to byte 3"),
    "before the data": ((DATA, np.array([-1, 4])), ValueError, "item 0 goes from byte -1"),
    "behind the data": ((DATA, np.array([0, 11])), ValueError, "byte 11 of 10"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_and_changes_nothing(filled: Any, case: str) -> None:
    given, error, text = REFUSED[case]
    before, sequence = list(filled.scan()), filled.last_seq
    calls: dict[str, list[Callable[[], object]]] = {
        "keys": [
            lambda: filled.get_arrays(given),
            lambda: filled.delete_arrays(given),
            lambda: filled.put_arrays(given, np.zeros((1, 1), np.uint8)),
        ],
        "values": [lambda: filled.put_arrays(np.zeros((2, 1), np.uint8), given)],
    }
    for name, attempts in calls.items():
        for number, attempt in enumerate(attempts):
            with pytest.raises(error) as caught:
                attempt()
            if number == 0 and name == "keys":
                assert text in str(caught.value)
                assert "keys" in str(caught.value)
    assert list(filled.scan()) == before
    assert filled.last_seq == sequence


def test_a_key_that_is_too_long_is_refused(filled: Any) -> None:
    sequence = filled.last_seq
    longer = np.zeros((1, 65_536), np.uint8)
    for given in (longer, longer.view("V65536")[0], ragged([b"a", b"b" * 65_536])):
        with pytest.raises(KeyTooLargeError):
            filled.get_arrays(given)
        with pytest.raises(KeyTooLargeError):
            filled.delete_arrays(given)
    assert filled.last_seq == sequence


def test_as_many_values_as_keys(filled: Any) -> None:
    with pytest.raises(ValueError, match="there are 2 keys and 3 values"):
        filled.put_arrays(np.zeros(2, "V4"), np.zeros(3, "V4"))


@pytest.mark.parametrize("rows", [0, -1, 1 << 21])
def test_chunks_have_a_limit(filled: Any, rows: int) -> None:
    with pytest.raises(ValueError, match="chunk_rows must be 1 to 1,048,576"):
        filled.scan_arrays(chunk_rows=rows)
    with pytest.raises(TypeError):
        filled.scan_arrays(chunk_rows="9")


def test_a_closed_store_refuses(make_store: Any) -> None:
    db = make_store()
    db.put_arrays(np.zeros((1, 4), np.uint8), np.zeros((1, 4), np.uint8))
    chunks = db.scan_arrays()
    db.close()
    calls: list[Callable[[], object]] = [
        lambda: db.get_arrays(np.zeros(0, "V4")),
        lambda: db.put_arrays(np.zeros(0, "V4"), np.zeros(0, "V4")),
        lambda: db.delete_arrays(np.zeros(0, "V4")),
        lambda: db.scan_arrays(),
        lambda: next(chunks),
    ]
    for call in calls:
        with pytest.raises(ClosedError):
            call()


# ---- writing ----


def test_the_last_of_equal_keys_wins(db: Any) -> None:
    keys = np.zeros((3_000, 2), np.uint8)
    values = np.arange(3_000, dtype=">u8")
    db.put_arrays(keys, values)
    assert db[b"\0\0"] == (2_999).to_bytes(8, "big")
    db.put_arrays(keys[:9], values[:9], atomic=True)
    assert db[b"\0\0"] == (8).to_bytes(8, "big")


@pytest.mark.needs("ttl")
def test_rows_may_expire(db: Any) -> None:
    db.put_arrays(np.array([b"a", b"b"]), np.array([b"1", b"2"]), ttl=1000)
    db.put_arrays(np.array([b"c"]), np.array([b"3"]))
    assert db.expires_at(b"a") is not None
    assert db.expires_at(b"c") is None
    with pytest.raises(ValueError, match="ttl"):
        db.put_arrays(np.array([b"d"]), np.array([b"4"]), ttl=-1)
    assert b"d" not in db


def test_one_batch_has_the_limit_of_batches(make_store: Any) -> None:
    db = make_store(batch_bytes_max=65_536)
    keys, values = np.arange(2_000, dtype=">u8"), np.zeros((2_000, 100), np.uint8)
    with pytest.raises(pykv.BatchTooLargeError):
        db.put_arrays(keys, values, atomic=True)
    assert len(db) == 0
    db.put_arrays(keys[:500], values[:500], atomic=True, sync=True)
    assert len(db) == 500


# ---- threads ----


def test_arrays_that_change_during_a_call_store_whole_rows(db: Any) -> None:
    """Another thread makes all offsets wrong and right again, and changes keys and values, while
    rows are put and read. Calls fail or not; what is stored is sound."""
    count = 3_000
    keys = np.arange(count, dtype=">u8")
    data = np.zeros(count * 50, np.uint8)
    good = np.arange(count + 1, dtype=np.int64) * 50
    offsets = good.copy()
    ended = threading.Event()

    def spoil() -> None:
        wrong = np.array([-(1 << 62), 1 << 62, 7], np.int64)
        number = 0
        while not ended.is_set():
            number += 1
            offsets[1:] = wrong[number % 3]
            data[:] = number % 256
            keys[:] = np.arange(number, number + count)
            offsets[:] = good

    spoiler = threading.Thread(target=spoil)
    spoiler.start()
    refused = 0
    try:
        for _ in range(30):
            try:
                db.put_arrays(keys, (data, offsets))
                db.get_arrays((data, offsets))
            except ValueError:
                refused += 1
    finally:
        ended.set()
        spoiler.join()
    assert refused < 60
    report = db.verify()
    assert report.ok, report.damages
    assert db.state == "open"
    rows = [row for chunk in db.scan_arrays() for row in chunk.to_list()]
    assert rows == list(db.scan())
    assert all(len(key) == 8 for key, _ in rows)


# ---- numpy, pyarrow ----


def test_numpy_comes_with_the_first_array_call() -> None:
    code = (
        "import sys, pykv\n"
        "with pykv.open(engine='memory') as db:\n"
        "    db.put_many([(b'a', b'b')]); list(db.scan()); db.stats()\n"
        "    assert not {'numpy', 'pyarrow'} & sys.modules.keys()\n"
        "    next(db.scan_arrays())\n"
        "    assert 'numpy' in sys.modules and 'pyarrow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
