"""A follower that was led to another history is told, wherever that came from."""

import shutil
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import HistoryGoneError

KEPT: dict[str, Any] = {"history_bytes": 1 << 20, "durability": "sync"}
ALONE: dict[str, Any] = KEPT | {"background_threads": 0}
"""Nothing goes on beside the test, so the files of the open store may be copied."""
engines = pytest.mark.parametrize("engine", ["bitcask", "lsm"])
COUNT = 10


def open_kept(path: Path, engine: str) -> Any:
    return pykv.open(path, engine=engine, **KEPT)


def write(db: Any, rounds: int = 1) -> None:
    for _ in range(rounds * COUNT):
        db.put(b"key", b"value")


def position_of(db: Any) -> tuple[int, int]:
    """That of the last change."""
    last: tuple[int, int] = list(db.changes())[-1].position
    return last


def expect_another_history(path: Path, position: tuple[int, int]) -> None:
    """In a store at path, which goes on by itself beyond the position; also for a reader."""
    with pykv.open(path, **KEPT) as db:
        write(db, 2)
        assert next(db.changes(position[1])).seq == position[1] + 1
        with pytest.raises(HistoryGoneError, match="another history"):
            db.changes(position)
        with pytest.raises(HistoryGoneError, match="another history"):
            db.pin_history("follower", position)
        with (
            pykv.open(path, read_only=True) as reader,
            pytest.raises(HistoryGoneError, match="another history"),
        ):
            reader.changes(position, unsynced=True)
        own = position_of(db)
        write(db)
        assert next(db.changes(own)).position == (own[0], own[1] + 1)


@engines
def test_a_checkpoint_that_was_written_to_by_itself(engine: str, tmp_path: Path) -> None:
    with open_kept(tmp_path / "data", engine) as db:
        write(db)
        db.checkpoint(tmp_path / "copy")
        write(db)
        position = position_of(db)
        expect_another_history(tmp_path / "copy", position)
        write(db)
        assert next(db.changes(position)).seq == position[1] + 1


@engines
def test_a_restored_backup(engine: str, tmp_path: Path) -> None:
    with open_kept(tmp_path / "data", engine) as db:
        write(db)
        db.backup(tmp_path / "backups")
        write(db)
        position = position_of(db)
    pykv.restore(tmp_path / "backups", tmp_path / "restored")
    expect_another_history(tmp_path / "restored", position)


@engines
def test_a_repaired_store(engine: str, tmp_path: Path) -> None:
    with pykv.open(tmp_path / "data", engine=engine, **KEPT) as db:
        write(db)
        position = position_of(db)
    pykv.repair(tmp_path / "data")
    expect_another_history(tmp_path / "data", position)


@engines
def test_a_store_that_lost_what_was_not_synced(engine: str, tmp_path: Path) -> None:
    """The copy of the files is what a loss of power left: without the follower's last changes."""
    data, left = tmp_path / "data", tmp_path / "left"
    with pykv.open(data, engine=engine, history_bytes=1 << 20, background_threads=0) as db:
        write(db)
        db.sync()
        shutil.copytree(data, left, ignore=shutil.ignore_patterns("LOCK"))
        synced = position_of(db)
        write(db)
        seen = list(db.changes(unsynced=True))[-1].position
    expect_another_history(left, seen)
    with pykv.open(left) as db:
        assert next(db.changes(synced)).seq == synced[1] + 1


@engines
def test_the_epoch_and_the_last_sequence_of_a_store_are_a_position(
    engine: str, tmp_path: Path
) -> None:
    """Also behind a crash, where the last change is of the epoch before."""
    data, left = tmp_path / "data", tmp_path / "left"
    with pykv.open(data, engine=engine, **ALONE) as db:
        write(db)
        shutil.copytree(data, left, ignore=shutil.ignore_patterns("LOCK"))
        before = position_of(db)
    with pykv.open(left, **KEPT) as db:
        now = db.stats()["epoch"], db.last_seq
        assert now == (before[0] + 1, before[1])
        write(db)
        for position in (before, now):
            assert next(db.changes(position)).position == (now[0], now[1] + 1)
