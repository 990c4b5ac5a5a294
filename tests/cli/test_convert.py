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
    assert "`pykv convert`" in half.stderr
    assert "`pykv destroy`" in half.stderr
    assert "pykv.convert" not in half.stderr
    taken = run("convert", database, database, "--engine", "lsm").stderr
    assert taken == f"pykv: {database}: File exists. Choose a path that does not exist.\n"


def test_namespaces_are_converted_one_by_one(run: Run, ordered: Path, tmp_path: Path) -> None:
    """The message told of handles, which a shell has not, and showed an object of Python."""
    run("put", ordered, "k", "v", "--namespace", "u")
    refused = run("convert", ordered, tmp_path / "all", "--engine", "sqlite")
    assert refused.exit_code == Exit.USAGE
    assert f"{ordered} has namespaces (u), which engine 'sqlite' has not" in refused.stderr
    assert "naming the one namespace" in refused.stderr
    for name in ("u", ""):
        made = run(
            "convert", ordered, tmp_path / f"of-{name}", "--engine", "sqlite", "--namespace", name
        )
        assert made.exit_code == Exit.GOOD
    assert rows_of(tmp_path / "of-u") == {b"k": b"v"}
    assert rows_of(tmp_path / "of-") == rows_of(ordered)
    missing = run("convert", ordered, tmp_path / "no", "--engine", "lsm", "--namespace", "no")
    assert missing.exit_code == Exit.NOT_FOUND
    assert "there is no namespace 'no'" in missing.stderr
    assert not (tmp_path / "no").exists()


def test_the_command_is_listed(run: Run) -> None:
    assert convert.command.name == "convert"
    assert "convert" in run("--help").stdout
    assert pykv.Conversion.__doc__ is not None
