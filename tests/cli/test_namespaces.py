"""`pykv namespaces` lists and drops, and commands take --namespace."""

import json
from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit
from tests.cli.conftest import Run


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """The path of a database with rows in two namespaces."""
    path = tmp_path / "named"
    with pykv.open(path, engine="lsm") as db:
        db[b"a"] = b"0"
        db.namespace("users", create=True).update({b"a": b"1", b"b": b"2"})
        db.namespace("a\tb", create=True)
    return path


def test_they_are_listed_with_rows_and_bytes(run: Run, named: Path) -> None:
    lines = run("namespaces", named).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["a\\tb", "0"], ["users", "2"]]
    rows = [json.loads(line) for line in run("namespaces", named, "--json").stdout.splitlines()]
    assert [(row["namespace"], row["rows"]) for row in rows] == [("a\tb", 0), ("users", 2)]
    assert [row["id"] for row in rows] == [2, 1]
    assert rows[1]["bytes"] > 0


def test_a_store_without_any_has_nothing_to_list(run: Run, database: Path, ordered: Path) -> None:
    for path in (database, ordered):
        assert run("namespaces", path).stdout == ""
        assert run("namespaces", path, "--drop", "users", "--yes").exit_code == Exit.NOT_FOUND


def test_one_is_dropped_when_it_is_sure(run: Run, named: Path) -> None:
    asked = run("namespaces", named, "--drop", "users")
    assert (asked.exit_code, "say --yes" in asked.stderr) == (Exit.USAGE, True)
    assert "2 rows" in asked.stderr
    assert run("namespaces", named, "--drop", "users", "--yes").exit_code == Exit.GOOD
    with pykv.open(named) as db:
        assert db.namespaces() == ["a\tb"]
        assert list(db) == [b"a"]


def test_commands_work_in_one(run: Run, named: Path) -> None:
    users = ("--namespace", "users")
    assert run("get", named, "a", *users).stdout == "1"
    assert run("get", named, "a", "--namespace", "").stdout == "0"
    assert run("count", named, *users).stdout == "2\n"
    assert run("scan", named, *users, "--reverse").stdout == "b\t2\na\t1\n"
    assert run("put", named, "c", "3", *users).exit_code == Exit.GOOD
    assert run("put", named, "c", "4", "--namespace", "new").exit_code == Exit.GOOD
    assert run("delete", named, "a", *users).exit_code == Exit.GOOD
    assert run("delete", named, "--start", "c", *users, "--json").stdout == '{"deleted": 1}\n'
    assert run("scan", named, *users).stdout == "b\t2\n"
    assert run("scan", named).stdout == "a\t0\n"
    assert run("get", named, "c", "--namespace", "new").stdout == "4"


@pytest.mark.parametrize("command", [("get", "a"), ("count",), ("scan",), ("delete", "a")])
def test_one_that_is_not_there_is_told(run: Run, named: Path, command: tuple[str, ...]) -> None:
    result = run(command[0], named, *command[1:], "--namespace", "nobody")
    assert result.exit_code == Exit.NOT_FOUND
    assert "there is no namespace 'nobody'" in result.stderr
    refused = run(command[0], named, *command[1:], "--namespace", "n" * 300)
    assert refused.exit_code == Exit.USAGE


def test_an_engine_without_namespaces_refuses_them(run: Run, tmp_path: Path) -> None:
    pykv.open(tmp_path / "plain", engine="sqlite").close()
    result = run("get", tmp_path / "plain", "one", "--namespace", "users")
    assert result.exit_code == Exit.USAGE
    assert "namespaces" in result.stderr


def test_changes_tell_the_number(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "db"
    with pykv.open(path, engine="lsm", history_bytes=1 << 30) as db:
        db.namespace("users", create=True)[b"a"] = b"1"
    assert (
        run("changes", path).stdout
        == "0:2\tnamespace\tusers\tnamespace=1\n0:3\tput\ta\t1\tnamespace=1\n"
    )
    last = json.loads(run("changes", path, "--json").stdout.splitlines()[-1])
    assert (last["key"], last["namespace"]) == ("a", 1)
