"""`pykv convert` makes a database of another engine with the same rows."""

import json
from pathlib import Path

import pykv
from pykv.cli import convert
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


def test_it_converts_and_tells_what(run: Run, database: Path, tmp_path: Path) -> None:
    made = run("convert", database, tmp_path / "other", "--engine", "lsm")
    assert made.exit_code == Exit.GOOD
    assert made.stderr.startswith("converted 3 rows, ")
    assert rows_of(tmp_path / "other") == rows_of(database)


def test_json_has_the_counts_and_the_digest(run: Run, database: Path, tmp_path: Path) -> None:
    there = run("convert", database, tmp_path / "b", "--engine", "lsm", "--json")
    back = run("convert", tmp_path / "b", tmp_path / "c", "--engine", "bitcask", "--json")
    assert json.loads(there.stdout) == json.loads(back.stdout)
    assert json.loads(there.stdout)["rows"] == 3


def test_failures_say_what_to_do(run: Run, database: Path, tmp_path: Path) -> None:
    assert run("convert", database, tmp_path / "b").exit_code == Exit.USAGE
    assert run("convert", database, database, "--engine", "lsm").exit_code == Exit.FAILED
    assert run("convert", tmp_path / "no", tmp_path / "b", "--engine", "lsm").exit_code == 4
    (tmp_path / "half" / ".convert").mkdir(parents=True)
    (tmp_path / "half" / ".convert" / "MARK").touch()
    half = run("get", tmp_path / "half", "key")
    assert half.exit_code == Exit.FAILED
    assert "pykv.destroy" in half.stderr


def test_the_command_is_listed(run: Run) -> None:
    assert convert.command.name == "convert"
    assert "convert" in run("--help").stdout
    assert pykv.Conversion.__doc__ is not None
