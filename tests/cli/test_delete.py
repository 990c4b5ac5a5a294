"""`pykv delete` removes keys."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


def test_keys_are_removed(run: Run, database: Path) -> None:
    assert run("delete", database, "one", "two").exit_code == Exit.GOOD
    assert rows_of(database) == {b"\xff\x00": b"bytes \xfe"}


def test_a_missing_key_is_exit_code_1_and_the_others_go(run: Run, database: Path) -> None:
    result = run("delete", database, "one", "nine", "two")
    assert (result.exit_code, result.stderr) == (Exit.NOT_FOUND, "pykv: not found: nine\n")
    assert rows_of(database) == {b"\xff\x00": b"bytes \xfe"}


def test_missing_keys_may_be_fine(run: Run, database: Path) -> None:
    result = run("delete", database, "nine", "one", "--missing-ok", "--json")
    assert result.exit_code == Exit.GOOD
    assert json.loads(result.stdout) == {"deleted": 1, "missing": 1}


def test_one_key_out_of_form_and_nothing_is_removed(run: Run, database: Path) -> None:
    before = rows_of(database)
    assert run("delete", database, "6f6e65", "xyz", "--key-format", "hex").exit_code == Exit.USAGE
    assert rows_of(database) == before
    assert run("delete", database, "ff00", "--key-format", "hex").exit_code == Exit.GOOD
    assert rows_of(database) == {b"one": b"1", b"two": b"2"}


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--prefix", "t"], {b"one", b"\xff\x00"}),
        (["--start", "p"], {b"one"}),
        (["--stop", "three"], {b"three", b"two", b"\xff\x00"}),
        (["--start", "p", "--stop", "two"], {b"one", b"two", b"\xff\x00"}),
        (["--start", "two", "--stop", "p"], {b"one", b"two", b"three", b"\xff\x00"}),
        (["--prefix", "ff", "--key-format", "hex"], {b"one", b"two", b"three"}),
    ],
)
def test_a_range_goes_in_one_step(
    run: Run, ordered: Path, args: list[str], left: set[bytes]
) -> None:
    result = run("delete", ordered, *args, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (Exit.GOOD, {"deleted": 4 - len(left)})
    assert set(rows_of(ordered)) == left


def test_a_range_of_a_store_without_order_is_refused(run: Run, database: Path) -> None:
    before = rows_of(database)
    for args in ([], ["--json"]):
        result = run("delete", database, "--prefix", "o", *args)
        assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
        assert "no order" in result.stderr
    assert rows_of(database) == before


def test_it_takes_keys_or_a_range(run: Run, ordered: Path) -> None:
    before = rows_of(ordered)
    for args in ([], ["one", "--prefix", "t"]):
        result = run("delete", ordered, *args)
        assert result.exit_code == Exit.USAGE
        assert "keys, or a range" in result.stderr
    assert rows_of(ordered) == before


@pytest.mark.parametrize("args", [["--prefix", ""], ["--start", "", "--prefix", ""]])
def test_an_empty_bound_as_of_an_unset_variable_removes_nothing(
    run: Run, ordered: Path, args: list[str]
) -> None:
    before = rows_of(ordered)
    result = run("delete", ordered, *args)
    assert result.exit_code == Exit.USAGE
    assert "would remove every key" in result.stderr
    assert rows_of(ordered) == before


def test_a_missing_database_is_not_made(run: Run, tmp_path: Path) -> None:
    assert run("delete", tmp_path / "none", "one").exit_code == Exit.FAILED
    assert not (tmp_path / "none").exists()
