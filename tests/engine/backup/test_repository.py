"""Whose a directory is, and who may use it at once."""

from pathlib import Path

import pytest

import pykv
from tests.engine.native_kinds import Kind
from tests.engine.store_files import rows


def test_a_directory_of_something_else_is_refused(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "file").touch()
    with kind.open(tmp_path / "db") as db:
        for path in (tmp_path / "others", tmp_path / "db"):
            with pytest.raises(pykv.FormatError):
                db.backup(path)
            with pytest.raises(pykv.FormatError):
                pykv.backups(path)
    with pytest.raises(FileNotFoundError):
        pykv.restore(tmp_path / "none", tmp_path / "copy")
    assert sorted(each.name for each in (tmp_path / "others").iterdir()) == ["file"]


def test_one_backup_at_a_time_goes_to_a_repository(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    def again(_done: int, _total: int) -> None:
        with pytest.raises(pykv.LockedError):
            db.backup(repository)
        with pytest.raises(pykv.LockedError):
            pykv.delete_backups(repository, [])
        assert pykv.backups(repository) == []

    with kind.open(tmp_path / "db") as db:
        db.update(rows(10))
        db.backup(repository, again)
        assert db.backup(repository).version == 2
