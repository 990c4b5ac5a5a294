"""`pykv backup` adds versions."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


@pytest.mark.parametrize("name", ["database", "ordered"])
def test_versions_are_made_and_restored(
    run: Run, tmp_path: Path, repository: Path, name: str, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    before = rows_of(path)
    assert run("backup", path, repository).stdout.startswith("version 1: ")
    run("put", path, "later", "1")
    assert json.loads(run("backup", path, repository, "--json").stdout)["version"] == 2
    assert run("restore", repository, tmp_path / "one", "--version", 1).exit_code == Exit.GOOD
    assert rows_of(tmp_path / "one") == before
    assert run("restore", repository, tmp_path / "two").stdout.startswith("restored version 2")
    assert rows_of(tmp_path / "two") == before | {b"later": b"1"}
    assert run("restore", repository, tmp_path / "two").exit_code == Exit.FAILED
