"""Versions are listed, verified and removed."""

from functools import partial
from pathlib import Path

import pytest

import pykv
from pykv.engine.backup import durable
from tests.engine.backup.backup_places import PATIENCE, dies_at, fill, restored, rows_at
from tests.engine.native_kinds import Kind


def test_removed_versions_take_with_them_what_only_they_had(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    states = fill(kind, tmp_path / "db", repository)
    before = sum(each.stat().st_size for each in (repository / "files").iterdir())
    with pytest.raises(KeyError, match="no version 9"):
        pykv.delete_backups(repository, [1, 9])
    freed = pykv.delete_backups(repository, [1, 3])
    after = sum(each.stat().st_size for each in (repository / "files").iterdir())
    assert 0 < freed == before - after
    assert [each.version for each in pykv.backups(repository)] == [2]
    assert restored(repository, tmp_path / "2") == states[1]
    with pytest.raises(KeyError, match="no version 1"):
        pykv.restore(repository, tmp_path / "1", 1)
    assert not (tmp_path / "1").exists()


def test_a_damaged_version_hides_no_other_and_nothing_is_removed_beside_it(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    states = fill(kind, tmp_path / "db", repository)
    path = repository / "versions" / "00000002"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(pykv.CorruptionError):
        pykv.backups(repository)
    with pytest.raises(pykv.CorruptionError):
        pykv.delete_backups(repository, [1])
    assert restored(repository, tmp_path / "1", 1) == states[0]
    pykv.delete_backups(repository, [2])
    assert restored(repository, tmp_path / "3", 3) == states[2]


def expect_whole_or_refused(place: Path, wanted: dict[bytes, bytes]) -> None:
    """It opens once its manifest is there."""
    if (place / "MANIFEST").exists():
        assert rows_at(place) == wanted
    else:
        with pytest.raises((pykv.FormatError, FileNotFoundError)):
            rows_at(place)
        pykv.destroy(place)
        assert not place.exists()


def test_a_removal_or_restore_that_dies_anywhere_can_be_repeated(
    kind: Kind, tmp_path: Path, repository: Path
) -> None:
    states = fill(kind, tmp_path / "db", repository)
    step = 1
    while dies_at(step, partial(pykv.restore, repository, tmp_path / f"r{step}", 2)):
        place = tmp_path / f"r{step}"
        if place.exists() and any(place.iterdir()):
            expect_whole_or_refused(place, states[1])
        step += 1
        assert step < PATIENCE
    assert rows_at(tmp_path / f"r{step}") == states[1]
    step = 1
    while dies_at(step, partial(pykv.delete_backups, repository, [1] if step == 1 else [])):
        assert pykv.verify_backup(repository).ok
        step += 1
        assert step < PATIENCE
    assert restored(repository, tmp_path / "3", 3) == states[2]
    assert durable.TEMPORARY not in {each.suffix for each in (repository / "files").iterdir()}
