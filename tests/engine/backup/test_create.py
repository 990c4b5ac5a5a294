"""A version copies what is new, and whatever ends it early leaves the others whole."""

import errno
import itertools
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

import pykv
from pykv.engine.backup import create
from tests.crash.processes import run_program
from tests.engine.backup.backup_places import PATIENCE, dies_at, fill, restored
from tests.engine.native_kinds import Kind
from tests.engine.store_files import rows


def test_a_version_copies_only_what_is_new(kind: Kind, tmp_path: Path, repository: Path) -> None:
    fill(kind, tmp_path / "db", repository)
    first, second, third = pykv.backups(repository)
    assert first.new_byte_count == first.byte_count
    assert second.new_byte_count < second.byte_count * 0.6
    assert third.new_byte_count < third.byte_count * 0.4
    stored = sum(each.stat().st_size for each in (repository / "files").iterdir())
    assert stored == sum(each.new_byte_count for each in (first, second, third))


def test_a_restored_database_goes_on_and_is_backed_up_to_the_same_repository(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    """Both go on with the same numbers of files: only the files' ids tell them apart."""
    states = fill(kind, tmp_path / "db", repository)
    pykv.restore(repository, tmp_path / "other", 2)
    for name in ("db", "other"):
        with kind.open(tmp_path / name) as db:
            db.put_many((b"%05d" % each, name.encode() * 50) for each in range(2000))
            db.backup(repository)
    assert pykv.verify_backup(repository).ok
    own = {b"%05d" % each: b"db" * 50 for each in range(2000)}
    other = {b"%05d" % each: b"other" * 50 for each in range(2000)}
    assert restored(repository, tmp_path / "4", 4) == states[2] | own
    assert restored(repository, tmp_path / "5", 5) == states[1] | other


def test_progress_is_told_and_may_end_it(kind: Kind, tmp_path: Path, repository: Path) -> None:
    told: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        raise InterruptedError(done, total)

    with kind.open(tmp_path / "db") as db:
        db.update(rows(2000))
        with pytest.raises(InterruptedError):
            db.backup(repository, stop)
        assert pykv.backups(repository) == []
        made = db.backup(repository, lambda done, total: told.append((done, total)))
    assert told[-1] == (made.new_byte_count, made.new_byte_count)
    with pytest.raises(InterruptedError):
        pykv.restore(repository, tmp_path / "restored", progress=stop)
    assert not (tmp_path / "restored").exists()
    pykv.verify_backup(repository, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (made.byte_count, made.byte_count)


def test_a_full_disk_leaves_the_older_versions(
    kind: Kind, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> tuple[int, int]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    states = fill(kind, tmp_path / "db", repository)
    with kind.open(tmp_path / "db") as db:
        db.update(rows(10))
        monkeypatch.setattr(create, "copy_synced", full)
        with pytest.raises(pykv.NoSpaceError):
            db.backup(repository)
        monkeypatch.undo()
        assert restored(repository, tmp_path / "3") == states[2]
        assert db.backup(repository).version == 4


def test_a_backup_that_dies_anywhere_leaves_every_version_whole(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    path = tmp_path / "db"
    with kind.open(path, background_threads=0) as db:
        db.put(b"key", b"1")
        db.backup(repository)

    def back_up(place: Path) -> None:
        with kind.open(place / "db", background_threads=0) as db:
            db.put(b"key", b"2")
            db.backup(place / "repository")

    steps = itertools.count(1, 3)
    for step in steps:
        place = tmp_path / f"{step}"
        shutil.copytree(path, place / "db")
        shutil.copytree(repository, place / "repository")
        if not dies_at(step, partial(back_up, place)):
            break
        assert step < PATIENCE
        assert pykv.verify_backup(place / "repository").ok
        newest = len(pykv.backups(place / "repository"))
        assert restored(place / "repository", place / "r") == {b"key": b"%d" % newest}
        if step % 2:
            back_up(place)
            assert pykv.verify_backup(place / "repository").ok
            assert not list((place / "db").glob(".backup*"))
    assert step > 10


def test_a_store_of_a_relative_path_is_backed_up_from_anywhere(
    kind: Kind, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest was looked for below the directory that the process was in by then, and what
    another store there had for a backup was removed."""
    (tmp_path / "elsewhere").mkdir()
    with kind.open(tmp_path / "elsewhere" / "db") as other:
        other[b"name"] = b"other"
        monkeypatch.chdir(tmp_path)
        with kind.open(Path("db")) as db:
            db.namespace("space", create=True)[b"name"] = b"in space"
            db[b"name"] = b"db"
            monkeypatch.chdir(tmp_path / "elsewhere")
            other.checkpoint(tmp_path / "elsewhere" / "db" / ".backup-77")
            db.backup(repository)
            db.namespace("space").backup(repository)
            made = pykv.convert(db, tmp_path / "converted", engine="lsm")
    assert made.row_count == 2
    assert (tmp_path / "elsewhere" / "db" / ".backup-77").exists()
    assert restored(repository, tmp_path / "1", 1) == {b"name": b"db"}
    assert restored(repository, tmp_path / "2") == {b"name": b"db"}


def test_a_directory_that_was_moved_is_not_made_again(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    with kind.open(tmp_path / "db") as db:
        (tmp_path / "db").rename(tmp_path / "moved")
        with pytest.raises(FileNotFoundError):
            db.backup(repository)
    assert [each.name for each in tmp_path.iterdir()] == ["moved"]


def test_a_database_is_no_repository_of_its_own(kind: Kind, tmp_path: Path) -> None:
    """It was told of a `.backup-0`, which the backup had made itself."""
    with kind.open(tmp_path / "db") as db:
        (tmp_path / "link").symlink_to(tmp_path / "db")
        for place in (tmp_path / "db", tmp_path / "link"):
            with pytest.raises(pykv.FormatError, match="is the database itself"):
                db.backup(place)
        assert not list((tmp_path / "db").glob(".backup*"))


def test_a_reader_that_is_refused_leaves_the_backup_of_the_writer_alone(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    def refused(_done: int, _total: int) -> None:
        code = (
            "import sys, pykv\n"
            "with pykv.open(sys.argv[1], read_only=True) as db:\n"
            "    try:\n"
            "        db.backup(sys.argv[2])\n"
            "    except pykv.ReadOnlyError:\n"
            "        print('refused')\n"
        )
        said.append(run_program(code, tmp_path / "db", tmp_path / "other").stdout)

    said: list[str] = []
    with kind.open(tmp_path / "db") as db:
        db.update(rows(10))
        db.flush()
        db.backup(repository, progress=refused)
    assert set(said) == {"refused\n"}
    assert not (tmp_path / "other").exists()
    assert restored(repository, tmp_path / "copy") == rows(10)


def test_what_a_killed_backup_left_in_the_database_goes_with_the_next_open_to_write(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    """It kept the space of its files until there was another backup."""
    mine = tmp_path / "db" / ".backup-of-mine"
    with kind.open(tmp_path / "db") as db:
        db.put(b"key", b"value")
        db.checkpoint(tmp_path / "db" / ".backup-77")
    mine.mkdir()
    with kind.open(tmp_path / "db", read_only=True):
        assert (tmp_path / "db" / ".backup-77").exists()
    with kind.open(tmp_path / "db") as db:
        assert not (tmp_path / "db" / ".backup-77").exists()
        assert db.verify().ok
        db.backup(repository)
        db.checkpoint(tmp_path / "db" / ".backup-78")
    pykv.destroy(tmp_path / "db")
    assert list((tmp_path / "db").iterdir()) == [mine]
    assert restored(repository, tmp_path / "copy") == {b"key": b"value"}
