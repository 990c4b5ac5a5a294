"""`pykv backups` lists, verifies and removes versions."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def test_versions_are_listed_and_removed(run: Run, database: Path, repository: Path) -> None:
    for _ in range(3):
        run("backup", database, repository)
    told = run("backups", repository)
    assert [line.split("  ")[0] for line in told.stdout.splitlines()] == [
        "version 1",
        "version 2",
        "version 3",
    ]
    assert run("backups", repository, "--delete", 1).stdout.startswith("removed 1 version: ")
    run("backup", database, repository, "--keep", 2)
    left = run("backups", repository, "--json").stdout.splitlines()
    assert [json.loads(line)["version"] for line in left] == [3, 4]
    assert run("backups", repository, "--delete", 1).exit_code == Exit.FAILED
