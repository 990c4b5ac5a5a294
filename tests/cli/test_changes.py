"""`pykv changes` lists what was written."""

import json
import signal
from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit
from pykv.engine.given_options import make_options
from tests.cli.conftest import Run, Spawn
from tests.contract.minimal_store import ENGINE as minimal


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The path of a database that keeps its history, with one change of each kind."""
    path = tmp_path / "written"
    with pykv.open(path, engine="lsm", history_bytes=1 << 20) as db:
        db.put(b"a", b"1\t")
        with db.batch() as batch:
            batch.put(b"\xff", b"2")
            batch.delete(b"a")
        db.delete_range(b"b", None)
        db.delete_range(b"c", b"d")
        db.clear()
        db.put(b"e", b"", ttl=1000)
    return path


def test_every_change_has_a_line(run: Run, written: Path) -> None:
    result = run("changes", written)
    assert result.exit_code == Exit.GOOD
    assert result.stdout.split("\n") == [
        "0:1\tput\ta\t1\\t",
        "0:2+\tput\t\\xff\t2",
        "0:3\tdelete\ta",
        "0:4\tdelete_range\tb",
        "0:5\tdelete_range\tc\td",
        "0:6\tclear",
        "0:7\tput\te\t",
        "",
    ]


def test_json_tells_all_of_a_change(run: Run, written: Path) -> None:
    lines = [json.loads(line) for line in run("changes", written, "--json").stdout.splitlines()]
    assert lines[1] == {
        "seq": 2,
        "epoch": 0,
        "kind": "put",
        "key_base64": "/w==",
        "value": "2",
        "last": False,
    }
    assert [line["last"] for line in lines] == [True, False, True, True, True, True, True]
    assert (lines[4]["start"], lines[4]["stop"]) == ("c", "d")
    assert lines[5] == {"seq": 6, "epoch": 0, "kind": "clear", "last": True}
    assert lines[6]["expires_at"] > 0


def test_since_and_limit_choose(run: Run, written: Path) -> None:
    assert run("changes", written, "--since", 5, "--limit", 1).stdout == "0:6\tclear\n"
    assert run("changes", written, "--since", 7).stdout == ""
    assert run("changes", written, "--limit", 0).stdout == ""
    result = run("changes", written, "--since", 8)
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")
    assert "nothing at sequence 8" in result.stderr


def test_a_place_with_an_epoch_is_one_of_that_history(run: Run, written: Path) -> None:
    assert run("changes", written, "--since", "0:5", "--limit", 1).stdout == "0:6\tclear\n"
    result = run("changes", written, "--since", "1:5")
    assert (result.exit_code, result.stdout) == (Exit.FAILED, "")
    assert "another history" in result.stderr


@pytest.mark.parametrize("wrong", ["", "x", "-1", "1:", ":1", "0:1+", "0:-1", "1:2:3", "9" * 30])
def test_what_is_no_place_is_refused(run: Run, written: Path, wrong: str) -> None:
    result = run("changes", written, f"--since={wrong}")
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "--since" in result.stderr


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_synced_shows_what_no_loss_of_power_takes(run: Run, tmp_path: Path, engine: str) -> None:
    """Of the last sync the mark comes with the write behind it."""
    path = tmp_path / "written"
    with pykv.open(path, engine=engine, history_bytes=1 << 20) as db:
        db.put(b"a", b"1")
        db.flush()
        db.sync()
        db.put(b"b", b"2")
        everything = run("changes", path).stdout
        synced = run("changes", path, "--synced").stdout
    assert everything == "0:1\tput\ta\t1\n0:2\tput\tb\t2\n"
    assert everything.startswith(synced)
    assert "\tb\t" not in synced
    assert run("changes", path, "--synced").stdout == everything


def test_looking_keeps_the_history(run: Run, written: Path) -> None:
    for _ in range(2):
        assert run("changes", written, "--limit", 1).stdout == "0:1\tput\ta\t1\\t\n"


def test_a_bitcask_lists_what_its_segments_hold(run: Run, database: Path) -> None:
    lines = run("changes", database).stdout.splitlines()
    assert [line.split("\t")[1] for line in lines] == ["put"] * 3


def test_an_engine_without_a_feed_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_minimal(path: Path, **options: object) -> pykv.Store:
        return minimal.open(path, make_options(minimal.options, minimal.name, options))

    monkeypatch.setattr(pykv, "open", open_minimal)
    open_minimal(tmp_path).close()
    result = run("changes", tmp_path)
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "change feed" in result.stderr


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_it_follows_a_program_that_writes(spawn: Spawn, tmp_path: Path, engine: str) -> None:
    path = tmp_path / "followed"
    with pykv.open(path, engine=engine, history_bytes=1 << 20) as db:
        db.put(b"before", b"1")
        with spawn("changes", path, "--follow", "--limit", 3) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"0:1\tput\tbefore\t1\n"
            db.put(b"meanwhile", b"2")
            assert process.stdout.readline() == b"0:2\tput\tmeanwhile\t2\n"
            db.delete(b"before")
            assert process.stdout.readline() == b"0:3\tdelete\tbefore\n"
            assert process.wait(60) == Exit.GOOD


def test_it_ends_where_nothing_comes_and_at_an_interrupt(spawn: Spawn, written: Path) -> None:
    with spawn("changes", written, "--follow", "--timeout", 0.2, "--since", 6) as process:
        assert process.communicate(timeout=60) == (b"0:7\tput\te\t\n", b"")
        assert process.returncode == Exit.GOOD
    with spawn("changes", written, "--follow") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"0:1\tput")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == Exit.INTERRUPTED


def test_a_timeout_is_for_following(run: Run, written: Path) -> None:
    result = run("changes", written, "--timeout", 1)
    assert result.exit_code == Exit.USAGE
    assert "--timeout is for --follow" in result.stderr
