"""`pykv backup` adds versions."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def test_versions_of_another_database_are_kept_and_told_apart(
    run: Run, tmp_path: Path, repository: Path, database: Path, ordered: Path
) -> None:
    """--keep 1 of one database removed the only backup of the other, and a restore took whichever
    was the last."""
    run("backup", database, repository)
    for _ in range(2):
        assert run("backup", ordered, repository, "--keep", 1).exit_code == Exit.GOOD
    told = [line.split("  ") for line in run("backups", repository).stdout.splitlines()]
    assert [line[0] for line in told] == ["version 1", "version 3"]
    assert told[0][3].startswith("store ")
    assert told[0][3] != told[1][3]
    refused = run("restore", repository, tmp_path / "any")
    assert refused.exit_code == Exit.USAGE
    assert "versions of 2 stores, so say which version" in refused.stderr
    assert f"1 (bitcask, {told[0][3]}), 3 (lsm, {told[1][3]})" in refused.stderr
    assert not (tmp_path / "any").exists()
    assert run("restore", repository, tmp_path / "one", "--version", 1).exit_code == Exit.GOOD
    assert rows_of(tmp_path / "one") == rows_of(database)


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
