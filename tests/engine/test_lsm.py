"""The LSM store where it differs from others: tables, compression, counting, ranges."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv._native import ffi, lib
from pykv._native.codec import provide_zstd
from pykv.engine.lsm import Lsm
from pykv.errors import BatchTooLargeError, ClosedError, NotSupportedError
from pykv.options import LsmOptions
from pykv.store import OrderedStore
from tests.engine.store_files import bytes_on_disk, rows

Make = Callable[..., Lsm]


@pytest.fixture
def make(path: Path) -> Iterator[Make]:
    """Opens a store at path with options; closes all of them."""
    stores: list[Lsm] = []

    def make(**options: Any) -> Lsm:
        stores.append(Lsm(path, LsmOptions(**options)))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def without_zstd() -> Iterator[None]:
    """Takes the process's zstd away, and gives it back."""
    taken = ffi.new("pykv_codec *", {"id": lib.PYKV_CODEC_ZSTD})
    assert lib.pykv_set_codec(taken) == lib.PYKV_OK
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pykv.engine.lsm.provide_zstd", lambda: None)
        yield
    provide_zstd()


# ---- opening ----


def test_a_directory_remembers_that_it_is_an_lsm(path: Path) -> None:
    with pykv.open(path, engine="lsm") as db:
        assert isinstance(db, pykv.Lsm)
        assert isinstance(db, OrderedStore)
        db[b"k"] = b"v"
    with pykv.open(path) as again:
        assert isinstance(again, Lsm)
        assert again[b"k"] == b"v"


def test_sizes_may_change_on_reopen(make: Make) -> None:
    expected = rows(3_000)
    with make(memtable_bytes=65_536, table_bytes=65_536, block_bytes=1_024) as db:
        db.update(expected)
    with make(memtable_bytes=1 << 20, block_bytes=65_536, filter_bits_per_key=0) as db:
        assert dict(db.items()) == expected
        expected |= rows(1_000, 200)
        db.update(expected)
        db.compact()
    with make(memory_budget_bytes=16 << 20) as db:
        assert dict(db.items()) == expected
        assert db.get_many(list(expected)) == list(expected.values())
        assert db.verify().ok


# ---- compression ----


def test_blocks_are_compressed_where_there_is_a_zstd(make: Make, path: Path) -> None:
    sizes = {}
    for compression in ("zstd", "none", None):
        with make(compression=compression) as db:
            db.clear()
            db.update(rows(3_000))
            db.compact()
            sizes[compression] = sum(db.stats()["level_bytes"])
            assert dict(db.items()) == rows(3_000)
    assert sizes["zstd"] < sizes["none"] / 3
    assert sizes[None] < sizes["none"] / 3


def test_a_higher_level_takes_less_room(make: Make) -> None:
    sizes = []
    for level in (1, 19):
        with make(compression_level=level) as db:
            db.clear()
            db.update(rows(5_000))
            db.compact()
            sizes.append(sum(db.stats()["level_bytes"]))
    assert sizes[1] < sizes[0]


def test_what_a_flush_writes_is_compressed_as_it_is_at_close(make: Make, path: Path) -> None:
    with make(compression="none") as db:
        db.update(rows(2_000))
        db.flush()
        plain = db.stats()["level_bytes"][0]
        db.clear()
    with make() as db:
        db.update(rows(2_000))
        db.flush()
        assert 0 < db.stats()["level_bytes"][0] < plain / 2
    with make() as db:
        assert len(db) == 2_000
        assert bytes_on_disk(path) < plain / 2
        assert db.verify().damage_count == 0


@pytest.mark.usefixtures("without_zstd")
def test_without_a_zstd_new_blocks_are_not_compressed_and_asking_for_it_is_refused(
    make: Make, path: Path
) -> None:
    with pytest.raises(NotSupportedError, match="compression none"):
        make(compression="zstd")
    with make() as db:
        db.update(rows(1_000))
        db.compact()
        raw = sum(len(value) for value in rows(1_000).values())
        assert sum(db.stats()["level_bytes"]) > raw
        assert dict(db.items()) == rows(1_000)


# ---- tables ----


def test_flush_writes_a_table_and_compact_leaves_the_last_level(make: Make) -> None:
    db = make(background_threads=0)
    for _ in range(3):
        db.update(rows(1_000))
        db.flush()
    stats = db.stats()
    assert stats["table_count"] == stats["level_table_count"][0] == 3
    assert stats["flushed_bytes"] > 0
    db.compact()
    stats = db.stats()
    assert stats["level_table_count"][0] == 0
    assert stats["table_count"] == stats["level_table_count"][stats["level_count"] - 1] == 1
    assert stats["compacted_bytes"] > 0
    assert dict(db.items()) == rows(1_000)


def test_small_memtables_make_tables_by_themselves(make: Make, path: Path) -> None:
    db = make(memtable_bytes=65_536, table_bytes=65_536)
    for _ in range(5):
        db.update(rows(5_000))
    db.flush()
    assert db.stats()["table_count"] > 1
    assert dict(db.items()) == rows(5_000)
    db.compact()
    assert bytes_on_disk(path) > 0
    assert db.verify().record_count == 5_000


def test_a_scan_keeps_tables_that_were_compacted_away(make: Make) -> None:
    db = make(memtable_bytes=65_536, table_bytes=65_536)
    db.update(rows(3_000))
    db.flush()
    scan = db.scan()
    first = list(itertools.islice(scan, 100))
    db.update(rows(3_000, 50))
    db.compact()
    db.clear()
    db.compact()
    assert dict([*first, *scan]) == rows(3_000)
    assert list(db) == []


# ---- counting ----


def test_the_approximate_length_counts_what_is_not_compacted_yet(make: Make) -> None:
    db = make(background_threads=0)
    db.update(rows(300))
    assert db.approximate_len() == len(db) == db.count() == 300
    db.delete_many(list(rows(100)))
    assert db.approximate_len() == len(db) == 200
    db.flush()
    db.update(rows(200))
    db.compact()
    assert db.approximate_len() == len(db) == 300


def test_count_walks_over_many_chunks_and_both_ends_are_open(make: Make) -> None:
    db = make()
    db.update(rows(30_000))
    assert len(db) == db.count(prefix=b"key ") == 30_000
    assert db.count(b"key 010000", b"key 020000") == 10_000
    assert db.count(b"key 029000") == 1_000
    assert db.count(b"z") == db.count(b"b", b"a") == 0
    assert db.stats()["open_scan_count"] == 0


def test_count_of_a_closed_store_is_a_closed_error(make: Make) -> None:
    db = make()
    db.close()
    with pytest.raises(ClosedError):
        db.count(prefix=b"a")


# ---- ranges ----


def test_views_come_in_order(make: Make) -> None:
    db = make()
    db.update({b"b": b"2", b"a": b"1", b"c": b"0"})
    assert list(db.keys()) == [b"a", b"b", b"c"]
    assert list(db.values()) == [b"1", b"2", b"0"]
    assert list(db.items()) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"0")]


def test_a_delete_reads_nothing_where_nobody_asks_whether_the_key_was_there(make: Make) -> None:
    db = make()
    db.update({b"a": b"1", b"c": b"1"})
    db.close()
    db = make()
    db.delete(b"a")
    db.delete(b"b")
    db.delete_many([b"d"])
    assert db.last_seq == 5
    assert db.stats()["block_cache_miss_count"] == 0
    assert list(db) == [b"c"]
    with pytest.raises(KeyError):
        del db[b"b"]
    assert db.last_seq == 5


def test_a_delete_of_a_range_works_on_more_than_a_chunk(make: Make) -> None:
    db = make(memtable_bytes=65_536, table_bytes=65_536)
    db.update(rows(5_000))
    db.delete_range(b"key 001000", b"key 004500")
    assert len(db) == 1_500
    db.delete_range(None, None)
    assert list(db) == []


def test_a_range_in_a_batch_takes_what_the_batch_put_there(make: Make) -> None:
    db = make()
    db.update({b"a": b"1", b"b": b"1", b"z": b"1"})
    before = db.last_seq
    with db.batch(sync=True) as batch:
        batch.put(b"c", b"2")
        batch.put(b"x", b"2")
        batch.delete_range(b"b", b"m")
        batch.put(b"d", b"3")
        batch.delete(b"z")
    assert dict(db.items()) == {b"a": b"1", b"d": b"3", b"x": b"2"}
    assert db.last_seq > before
    with db.batch() as batch:
        batch.delete_range(None, None)
    assert list(db) == []


def test_a_range_is_deleted_by_one_record_however_many_rows_go(make: Make) -> None:
    db = make()
    db.update(rows(10_000))
    before = db.last_seq
    db.delete_range(b"key 000001", None)
    assert db.last_seq == before + 1
    assert list(db) == [b"key 000000"]
    db.flush()
    db.compact()
    stats = db.stats()
    assert stats["range_delete_count"] == 1
    assert stats["deleted_range_count"] == 0
    assert stats["delete_count"] == 0
    assert list(db) == [b"key 000000"]


def test_a_batch_deletes_1024_ranges_at_most(make: Make) -> None:
    db = make()
    db[b"a"] = b"1"
    batch = db.batch()
    batch.__enter__()
    for _ in range(1_025):
        batch.delete_range(b"a", b"b")
    with pytest.raises(BatchTooLargeError, match="1024"):
        batch.__exit__(None, None, None)
    assert list(db) == [b"a"]


def test_range_deletes_survive_a_reopen_until_a_compaction_needs_them_no_more(make: Make) -> None:
    db = make()
    db.update(rows(3_000))
    db.compact()
    before = db.scan()
    db.delete_range(b"key 001000", b"key 002000")
    db.flush()
    assert db.stats()["deleted_range_count"] == 1
    assert (len(db), len(list(before))) == (2_000, 3_000)
    assert db.get_many([b"key 000999", b"key 001000"])[1] is None
    db.close()
    db = make()
    assert db.stats()["deleted_range_count"] == 1
    assert len(db) == len(list(db.scan(reverse=True))) == 2_000
    db.compact()
    assert (db.stats()["deleted_range_count"], len(db)) == (0, 2_000)
