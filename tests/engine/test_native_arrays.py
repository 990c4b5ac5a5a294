"""Array calls of the stores in C: what grows, what is held, what happens when a call ends early."""

import contextlib
import gc
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pykv
from pykv.errors import ClosedError, IOFailedError

ENGINES = ["bitcask", "lsm"]


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond size meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=ENGINES)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    with pykv.open(tmp_path / "db", engine=request.param) as store:
        yield store


@pytest.mark.parametrize("size", [0, 1, 100, 5_000])
def test_room_grows_to_what_the_values_are(db: Any, size: int) -> None:
    keys = np.arange(2_500, dtype=">u8")
    values = np.random.default_rng(1).integers(0, 256, (2_500, size), dtype=np.uint8)
    db.put_arrays(keys, values)
    rows = db.get_arrays(keys)
    assert np.array_equal(rows.data.reshape(2_500, size), values)
    scanned = list(db.scan_arrays(chunk_rows=1_024))
    data = np.concatenate([each.values.data for each in scanned])
    numbers = np.concatenate([each.keys.data.view(">u8") for each in scanned]).astype(np.int64)
    assert np.array_equal(data.reshape(2_500, size), values[numbers])


def test_a_few_rows_hold_little_memory(db: Any) -> None:
    db.put_arrays(np.arange(10, dtype=">u8"), np.zeros((10, 10), np.uint8))
    for rows in (
        *[each.values for each in db.scan_arrays()],
        db.get_arrays(np.arange(10, dtype=">u8")),
    ):
        base = rows.data if rows.data.base is None else rows.data.base
        assert base.nbytes <= 128 << 10


def test_values_that_grow_later_are_followed(db: Any) -> None:
    """The first runs suggest small values; the last ones are large."""
    keys = np.arange(3_000, dtype=">u8")
    lengths = np.where(keys < 2_900, 3, 20_000).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    data = np.random.default_rng(2).integers(0, 256, offsets[-1], dtype=np.uint8)
    db.put_arrays(keys, (data, offsets))
    rows = db.get_arrays(keys)
    assert np.array_equal(rows.data, data)
    assert np.array_equal(rows.offsets, offsets)
    if "order" in db.features:
        chunk = next(db.scan_arrays())
        assert np.array_equal(chunk.values.data, data)


@pytest.fixture(params=[128 << 20, 1 << 30], ids=["128-mib", "1-gib"])
def little_memory(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """numpy refuses larger arrays, as it does where so much memory is not there."""
    empty = np.empty

    def refuse_large(shape: Any, *args: Any) -> Any:
        if np.prod(shape) > request.param:
            raise MemoryError(f"an array of {shape}")
        return empty(shape, *args)

    monkeypatch.setattr(np, "empty", refuse_large)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("row_count", [7, 40])
def test_a_scan_of_few_large_rows_needs_memory_for_these(db: Any, row_count: int) -> None:
    """A chunk was given room for as many rows as it may have, all of 1 MiB: 72 GiB."""
    db.put_arrays(np.arange(row_count, dtype=">u8"), np.zeros((row_count, 1 << 20), np.uint8))
    assert sum(len(chunk) for chunk in db.scan_arrays()) == row_count
    chunks = list(db.scan_arrays(chunk_rows=3))
    assert sum(len(chunk) for chunk in chunks) == row_count
    assert sum(len(chunk.values.data) for chunk in chunks) == row_count << 20


@pytest.mark.usefixtures("little_memory")
def test_one_large_value_is_not_taken_for_the_size_of_all(db: Any) -> None:
    """The run of 1,000 keys with the large value was taken for one of a hundred like it."""
    keys = np.arange(100_000, dtype=np.uint64)
    db.put(keys[5].tobytes()[::-1], b"v" * (32 << 20))
    for asked in (keys, keys[::-1].copy()):
        rows = db.get_arrays(asked)
        assert rows.found.sum() == 1
        assert len(rows.data) == 32 << 20


def test_a_scan_that_is_dropped_lets_go(db: Any) -> None:
    db.put_arrays(np.arange(10, dtype=">u8"), np.zeros((10, 10), np.uint8))
    unused, begun = db.scan_arrays(), db.scan_arrays(chunk_rows=3)
    next(begun)
    assert db.stats()["open_scan_count"] == 2
    del unused, begun
    gc.collect()
    assert db.stats()["open_scan_count"] == 0
    assert len(list(db.scan_arrays(chunk_rows=3))) == 4
    assert db.stats()["open_scan_count"] == 0


def test_a_failure_between_batches_says_how_many_rows_were_written(tmp_path: Path) -> None:
    """The second batch finds no place in a file; the first stays, as in put_many."""
    with (
        pykv.open(tmp_path / "db", engine="lsm", log_sink="pwrite") as db,
        files_of_at_most(1 << 20),
    ):
        lengths = np.array([10] * 1_000 + [2_000_000] * 2, np.int64)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        values = (np.zeros(offsets[-1], np.uint8), offsets)
        with pytest.raises(IOFailedError, match="File too large") as caught:
            db.put_arrays(np.arange(1_002, dtype=">u8"), values)
        assert caught.value.__notes__ == ["The first 1,000 of 1,002 rows were written."]
        assert len(db) == 1_000


def test_close_ends_a_scan_whose_rows_were_read_ahead(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db", engine="lsm") as db:
        db.put_arrays(np.arange(10, dtype=">u8"), np.zeros((10, 10), np.uint8))
        chunks = db.scan_arrays(chunk_rows=2)
        next(chunks)
    with pytest.raises(ClosedError):
        next(chunks)


def test_sync_is_for_all_rows(tmp_path: Path) -> None:
    for engine in ENGINES:
        with pykv.open(tmp_path / engine, engine=engine) as db:
            db.put_arrays(np.arange(2_500, dtype=">u8"), np.zeros(2_500, "V1"), sync=True)
            assert db.stats()["synced_seq"] == 2_500
            db[b"x"] = b"y"
            db.put_arrays(np.zeros(0, "V8"), np.zeros(0, "V1"), sync=True)
            assert db.stats()["synced_seq"] == 2_501
