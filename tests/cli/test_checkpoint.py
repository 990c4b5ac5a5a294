"""`pykv checkpoint` makes a second database."""

from pathlib import Path

import pytest

import pykv
from pykv.cli import checkpoint
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


@pytest.mark.parametrize("name", ["database", "ordered"])
def test_the_rows_of_now_come_to_a_second_database(
    run: Run, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    assert run("checkpoint", path, tmp_path / "copy").exit_code == Exit.GOOD
    assert rows_of(tmp_path / "copy") == rows_of(path)
    again = run("checkpoint", path, tmp_path / "copy")
    assert again.exit_code == Exit.FAILED
    assert "does not exist" in again.stderr


def test_an_engine_without_files_makes_none(
    run: Run, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pykv.open(engine="memory")
    monkeypatch.setattr(checkpoint, "open_writer", lambda *_args, **_options: store)
    assert run("checkpoint", database, tmp_path / "copy").exit_code == Exit.USAGE
