"""Snapshots of LSM stores: what they keep, and when it is given back."""

from pathlib import Path

import pytest

from pykv.engine.lsm import Lsm
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
