"""Snapshots of LSM stores: what they keep, and when it is given back."""

import gc
from pathlib import Path

import pytest

from pykv.engine.lsm import Lsm
from pykv.errors import ClosedError
from pykv.options import LsmOptions


@pytest.fixture
def options() -> LsmOptions:
    return LsmOptions(memtable_bytes=64 * 1024, table_bytes=64 * 1024, compression="none")


def table_count(path: Path) -> int:
    return len(list(path.glob("*.tbl")))


def test_the_tables_it_keeps_go_when_it_is_closed(tmp_path: Path, options: LsmOptions) -> None:
    with Lsm(tmp_path, options) as db:
        db.put_many((b"%05d" % i, b"v" * 100) for i in range(2_000))
        db.compact()
        before = table_count(tmp_path)
        kept = db.snapshot()
        db.clear()
        db.compact()
        assert table_count(tmp_path) >= before
        assert len(kept) == 2_000
        kept.close()
        db.compact()
        assert table_count(tmp_path) == 0


def test_open_ones_are_counted_and_a_dropped_one_is_closed(tmp_path: Path) -> None:
    with Lsm(tmp_path) as db:
        kept = db.snapshot()
        other = db.snapshot()
        assert db.stats()["open_snapshot_count"] == 2
        other.close()
        assert db.stats()["open_snapshot_count"] == 1
        del kept
        gc.collect()
        assert db.stats()["open_snapshot_count"] == 0


def test_a_scan_of_it_goes_on_when_it_is_closed(tmp_path: Path) -> None:
    with Lsm(tmp_path) as db:
        db.put_many((b"%05d" % i, b"v" * 100) for i in range(2_000))
        kept = db.snapshot()
        rows = kept.scan()
        keys = kept.scan_keys(b"01000")
        kept.close()
        db.clear()
        assert sum(1 for _ in rows) == 2_000
        assert sum(1 for _ in keys) == 1_000


def test_it_does_not_keep_a_dropped_store_open(tmp_path: Path) -> None:
    stores = [Lsm(tmp_path)]
    stores[0][b"k"] = b"v"
    kept = stores[0].snapshot()
    with pytest.warns(ResourceWarning, match="left open"):
        stores.clear()
    with pytest.raises(ClosedError):
        kept.get(b"k")
    Lsm(tmp_path).close()
