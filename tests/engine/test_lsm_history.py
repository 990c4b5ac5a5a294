"""History of an LSM store: changes outlive flushes, closes and crashes for as long as is asked."""

from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import CorruptionError, HistoryGoneError

KEPT: dict[str, Any] = {"engine": "lsm", "history_bytes": 1 << 30, "memtable_bytes": 1 << 16}


def fill(db: pykv.Lsm, begin: int, end: int) -> None:
    db.put_many((b"%06d" % i, b"v" * 100) for i in range(begin, end))


def seqs(db: pykv.Lsm, since: int = 0) -> list[int]:
    return [change.seq for change in db.changes(since)]


def test_without_history_bytes_old_changes_go(tmp_path: Path) -> None:
    with pykv.open(tmp_path, engine="lsm") as db:
        fill(db, 0, 10)
    with pykv.open(tmp_path, engine="lsm") as db:
        assert (seqs(db), db.stats()["history_floor"]) == ([], 11)
        with pytest.raises(HistoryGoneError, match="the first one is 11"):
            db.changes(5)
        assert seqs(db, 10) == []


def test_a_follower_is_not_left_behind_by_a_flush(tmp_path: Path) -> None:
    with pykv.open(tmp_path, engine="lsm") as db:
        changes = db.changes(follow=True, timeout=1)
        fill(db, 0, 100)
        db.flush()
        fill(db, 100, 200)
        db.flush()
        assert [next(changes).seq for _ in range(200)] == list(range(1, 201))


def test_a_damaged_log_is_named_and_rows_stay(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **KEPT) as db:
        fill(db, 0, 100)
        db.flush()
        fill(db, 100, 200)
    oldest = min(tmp_path.glob("*.log"))
    data = bytearray(oldest.read_bytes())
    data[len(data) // 2] ^= 1
    oldest.write_bytes(data)
    with pykv.open(tmp_path, **KEPT) as db:
        with pytest.raises(CorruptionError, match=oldest.name):
            list(db.changes())
        assert len(seqs(db, 100)) == 100
        assert len(db) == 200
        assert [damage.path for damage in db.verify().damages] == [oldest]


def test_a_checkpoint_begins_a_history_of_its_own(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "one", **KEPT) as db:
        fill(db, 0, 100)
        db.checkpoint(tmp_path / "two")
        fill(db, 100, 101)
        with pykv.open(tmp_path / "two", **KEPT) as copy:
            assert seqs(copy) == []
            assert copy.last_seq == 100
            assert copy.stats()["epoch"] > db.stats()["epoch"]
            copy.put(b"x", b"y", sync=True)
            (change,) = copy.changes()
            assert (change.seq, change.epoch) == (101, copy.stats()["epoch"])
