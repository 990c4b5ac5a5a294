"""Reads of rows in memory, of now and of a snapshot."""

import pytest

from pykv.engine.memory import Memory
from pykv.engine.memory_space import MemorySnapshot
from pykv.errors import ClosedError


def test_a_snapshot_shares_the_rows_and_not_the_changes() -> None:
    with Memory() as db:
        db.put_many((b"%02d" % i, b"v") for i in range(50))
        kept = db.snapshot()
        assert isinstance(kept, MemorySnapshot)
        assert kept._rows() is db._rows()
        db.delete_range(b"10", b"40")
        assert (len(kept), len(db)) == (50, 20)
        assert list(kept.scan_keys(b"08", b"12", reverse=True)) == [b"11", b"10", b"09", b"08"]


def test_its_approximate_length_is_exact() -> None:
    with Memory() as db:
        db.put_many((b"%02d" % i, b"v") for i in range(50))
        assert db.approximate_len() == len(db) == 50


def test_scans_outlive_it_but_not_its_store() -> None:
    with Memory() as db:
        db.put_many((b"%02d" % i, b"v") for i in range(50))
        kept = db.snapshot()
        rows, others = kept.scan(), kept.scan()
        next(rows)
        next(others)
        kept.close()
        assert len(list(rows)) == 49
    with pytest.raises(ClosedError):
        next(others)
