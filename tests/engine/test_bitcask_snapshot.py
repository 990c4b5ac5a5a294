"""Snapshots of Bitcasks: what they keep, what that costs, and when it is given back."""

from pathlib import Path

import pytest

from pykv.engine.bitcask import Bitcask
from pykv.errors import NotSupportedError
from pykv.options import BitcaskOptions

OPTIONS = BitcaskOptions(segment_bytes=1 << 20, background_threads=0)


def log_bytes(path: Path) -> int:
    return sum(each.stat().st_size for each in path.glob("*.log"))


def test_the_files_it_keeps_go_when_it_is_closed(tmp_path: Path) -> None:
    rows = {b"%05d" % i: b"v" * 1_000 for i in range(3_000)}
    with Bitcask(tmp_path, OPTIONS) as db:
        db.update(rows)
        kept = db.snapshot()
        db.clear()
        db.compact()
        assert dict(kept.items()) == rows
        assert log_bytes(tmp_path) > 3_000_000
        kept.close()
        db.compact()
        assert log_bytes(tmp_path) < 3_000_000


def test_a_key_that_changes_for_ever_costs_one_entry(tmp_path: Path) -> None:
    with Bitcask(tmp_path, OPTIONS) as db:
        db[b"k"] = b"0"
        with db.snapshot() as kept:
            for number in range(20_000):
                db.put(b"k", b"%d" % number)
            assert db.stats()["undo_bytes"] <= 1 << 16
            assert kept[b"k"] == b"0"
        db[b"k"] = b"1"
        assert db.stats()["undo_bytes"] == 0


@pytest.mark.parametrize("call", ["first", "last", "cursor"])
def test_it_has_no_order_and_says_so(tmp_path: Path, call: str) -> None:
    with Bitcask(tmp_path, OPTIONS) as db, db.snapshot() as kept:
        with pytest.raises(NotSupportedError, match="order"):
            getattr(kept, call)()
        with pytest.raises(NotSupportedError, match="start"):
            kept.count(b"a")
        with pytest.raises(NotSupportedError, match="prefix"):
            kept.scan(prefix=b"a")


def test_a_scan_of_it_goes_on_when_it_is_closed(tmp_path: Path) -> None:
    with Bitcask(tmp_path, OPTIONS) as db:
        db.put_many((b"%05d" % i, b"v" * 100) for i in range(2_000))
        kept = db.snapshot()
        rows = kept.scan()
        kept.close()
        db.clear()
        db.compact()
        assert sum(1 for _ in rows) == 2_000
