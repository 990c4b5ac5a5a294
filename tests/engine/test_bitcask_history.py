"""History of a Bitcask: changes outlive merges, threads that merge beside followers too."""

import threading
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import CorruptionError, HistoryGoneError

SMALL: dict[str, Any] = {"engine": "bitcask", "segment_bytes": 1 << 16}
KEPT: dict[str, Any] = SMALL | {"history_bytes": 1 << 30}


def turn_over(db: pykv.Bitcask) -> None:
    """Puts all rows again, and merges what that left dead."""
    db.put_many((b"%06d" % i, b"v" * 100) for i in range(2000))
    db.compact()


def test_what_merges_replaced_goes_without_history_bytes(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **SMALL) as db:
        turn_over(db)
        turn_over(db)
        floor = db.stats()["history_floor"]
        assert floor > 2000
        with pytest.raises(HistoryGoneError, match=f"the first one is {floor}"):
            db.changes(5)
        assert [change.seq for change in db.changes()] == list(range(floor, 4001))


def test_a_follower_beside_merges_misses_nothing(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **KEPT) as db:
        seen: list[int] = []

        def follow() -> None:
            for change in db.changes(follow=True):
                seen.append(change.seq)
                if change.key == b"end":
                    return

        reader = threading.Thread(target=follow)
        reader.start()
        for _ in range(3):
            turn_over(db)
        db.put(b"end", b"", sync=True)
        reader.join(60)
        assert seen == list(range(1, 6002))


def test_a_damaged_segment_of_history_is_named_and_rows_stay(tmp_path: Path) -> None:
    with pykv.open(tmp_path, **KEPT) as db:
        turn_over(db)
        turn_over(db)
    oldest = min(tmp_path.glob("*.log"))
    data = bytearray(oldest.read_bytes())
    data[len(data) // 2] ^= 1
    oldest.write_bytes(data)
    with pykv.open(tmp_path, **KEPT) as db:
        with pytest.raises(CorruptionError, match=oldest.name):
            list(db.changes())
        assert len(list(db.changes(2000))) == 2000
        assert len(db) == 2000
        assert [damage.path for damage in db.verify().damages] == [oldest]


def test_a_checkpoint_has_the_changes_of_its_segments(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "one", **KEPT) as db:
        db.put(b"a", b"1")
        db.checkpoint(tmp_path / "two")
        with pykv.open(tmp_path / "two", **KEPT) as copy:
            copy.put(b"x", b"y", sync=True)
            first, own = copy.changes()
            assert (first.seq, first.epoch) == (1, db.stats()["epoch"])
            assert (own.seq, own.epoch) == (2, copy.stats()["epoch"])
            assert own.epoch > first.epoch
