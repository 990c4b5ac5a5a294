"""`pykv destroy` removes a database, and asks before."""

import os
import pty
from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, Spawn


def test_a_database_is_removed_with_its_directory(run: Run, database: Path) -> None:
    assert run("destroy", database, "--yes").exit_code == Exit.GOOD
    assert not database.exists()


def test_what_else_is_in_the_directory_stays(run: Run, database: Path) -> None:
    (database / "notes").write_text("mine", encoding="ascii")
    assert run("destroy", database, "--yes").exit_code == Exit.GOOD
    assert [path.name for path in database.iterdir()] == ["notes"]


def test_without_a_terminal_it_wants_yes(run: Run, database: Path) -> None:
    result = run("destroy", database)
    assert result.exit_code == Exit.USAGE
    assert "say --yes" in result.stderr
    assert database.exists()


@pytest.mark.parametrize(("answer", "code"), [(b"y\n", Exit.GOOD), (b"n\n", Exit.FAILED)])
def test_on_a_terminal_it_asks(spawn: Spawn, database: Path, answer: bytes, code: Exit) -> None:
    ours, theirs = pty.openpty()
    try:
        with spawn("destroy", database, stdin=theirs) as process:
            os.write(ours, answer)
            _, told = process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    assert process.returncode == code
    assert b"for good?" in told
    assert database.exists() == (code == Exit.FAILED)


def test_an_open_database_is_refused(run: Run, database: Path) -> None:
    with pykv.open(database):
        assert run("destroy", database, "--yes").exit_code == Exit.FAILED
    assert database.exists()


def test_what_is_no_database_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="ascii")
    assert run("destroy", tmp_path, "--yes").exit_code == Exit.FAILED
    assert (tmp_path / "file").exists()
