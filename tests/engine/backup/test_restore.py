"""A restore makes what was there, after it has checked every byte."""

from contextlib import suppress
from pathlib import Path

import pytest

import pykv
from tests.engine.backup.backup_places import fill, restored, rows_at
from tests.engine.native_kinds import Kind
from tests.engine.store_files import rows


def test_every_version_is_restored_as_it_was(kind: Kind, tmp_path: Path, repository: Path) -> None:
    states = fill(kind, tmp_path / "db", repository)
    listed = pykv.backups(repository)
    assert [each.version for each in listed] == [1, 2, 3]
    assert {each.engine for each in listed} == {kind.name}
    for version, wanted in enumerate(states, 1):
        assert restored(repository, tmp_path / f"{version}", version) == wanted
    assert restored(repository, tmp_path / "last") == states[-1]
    assert pykv.verify_backup(repository).ok
    assert not list((tmp_path / "db").glob(".backup*"))


def test_every_flipped_byte_is_found_and_never_restored(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    with kind.open(tmp_path / "db") as db:
        db.update(rows(3))
        db.backup(repository)
    wanted = rows_at(tmp_path / "db")
    for path in [each for each in repository.rglob("*") if each.is_file()]:
        data = path.read_bytes()
        for at in range(0, len(data), max(1, len(data) // 25)):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
            expect_damage(repository, tmp_path / "restored")
        path.write_bytes(data)
    assert restored(repository, tmp_path / "restored") == wanted


def expect_damage(repository: Path, path: Path) -> None:
    with suppress(pykv.CorruptionError, pykv.FormatError):
        assert not pykv.verify_backup(repository).ok
    with pytest.raises((pykv.CorruptionError, pykv.FormatError)):
        pykv.restore(repository, path)
    assert not path.exists()


def test_a_missing_or_cut_file_is_named(kind: Kind, tmp_path: Path, repository: Path) -> None:
    fill(kind, tmp_path / "db", repository)
    largest = max((repository / "files").iterdir(), key=lambda each: each.stat().st_size)
    data = largest.read_bytes()
    largest.write_bytes(data[:-1])
    assert [each.path for each in pykv.verify_backup(repository).damages] == [largest]
    largest.unlink()
    with pytest.raises(pykv.CorruptionError, match=largest.name) as caught:
        pykv.restore(repository, tmp_path / "restored")
    assert caught.value.path == largest
    assert not (tmp_path / "restored").exists()


def test_of_several_stores_a_version_is_to_be_said(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    """The last was taken, whichever store it was of."""
    for name in ("a", "b"):
        with kind.open(tmp_path / name) as db:
            db[b"name"] = name.encode()
            db.backup(repository)
    with pytest.raises(pykv.InvalidOptionError, match="versions of 2 stores"):
        pykv.restore(repository, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert restored(repository, tmp_path / "copy", 1) == {b"name": b"a"}
    first = repository / "versions" / "00000001"
    first.write_bytes(first.read_bytes()[:-1])
    assert restored(repository, tmp_path / "other") == {b"name": b"b"}


def test_a_restore_wants_a_new_path(kind: Kind, tmp_path: Path, repository: Path) -> None:
    fill(kind, tmp_path / "db", repository)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileExistsError):
        pykv.restore(repository, tmp_path / "empty")
    assert not list((tmp_path / "empty").iterdir())
