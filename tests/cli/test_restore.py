"""`pykv restore` makes a database of a version."""

from pathlib import Path

import pytest

import pykv
from pykv.cli import backup
from pykv.cli.failures import Exit
from tests.cli.conftest import Run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def test_damage_is_found_and_not_restored(
    run: Run, database: Path, repository: Path, tmp_path: Path
) -> None:
    run("backup", database, repository)
    good = run("backups", repository, "--verify")
    assert good.exit_code == Exit.GOOD
    assert good.stdout.startswith("good: ")
    path = max((repository / "files").iterdir(), key=lambda each: each.stat().st_size)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    told = run("backups", repository, "--verify")
    assert told.exit_code == Exit.CORRUPTION
    assert path.name in told.stdout
    assert run("restore", repository, tmp_path / "copy").exit_code == Exit.CORRUPTION
    assert not (tmp_path / "copy").exists()


def test_what_is_not_there_is_told(
    run: Run, database: Path, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("restore", repository, tmp_path / "copy").exit_code == Exit.FAILED
    run("backup", database, repository)
    told = run("restore", repository, tmp_path / "copy", "--version", 5)
    assert told.exit_code == Exit.FAILED
    assert "no version 5" in told.stderr
    store = pykv.open(engine="memory")
    monkeypatch.setattr(backup, "open_writer", lambda *_args, **_options: store)
    assert run("backup", database, repository).exit_code == Exit.USAGE
