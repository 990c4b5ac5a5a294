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


def test_a_relative_path_that_leads_elsewhere_makes_nothing_there(
    kind: Kind, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with kind.open(Path("db")) as db:
        monkeypatch.chdir(tmp_path / "elsewhere")
        with pytest.raises(FileNotFoundError):
            db.backup(repository)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert not repository.exists()


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


def test_what_a_killed_backup_left_in_the_database_goes_with_the_next(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    with kind.open(tmp_path / "db") as db:
        db.put(b"key", b"value")
        db.checkpoint(tmp_path / "db" / ".backup-77")
    with kind.open(tmp_path / "db") as db:
        assert db.verify().ok
        db.backup(repository)
        assert not (tmp_path / "db" / ".backup-77").exists()
        db.checkpoint(tmp_path / "db" / ".backup-78")
    pykv.destroy(tmp_path / "db")
    assert not (tmp_path / "db").exists()
    assert restored(repository, tmp_path / "copy") == {b"key": b"value"}
