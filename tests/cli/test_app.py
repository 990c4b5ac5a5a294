"""The command as a whole: its help, how it finds commands, and how it ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

import pykv
from pykv.cli import get, main
from pykv.cli.app import COMMANDS, cli
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, Spawn, rows_of


def test_help_lists_every_command_and_the_exit_codes(run: Run) -> None:
    shown = run("--help")
    assert shown.exit_code == Exit.GOOD
    for name in COMMANDS:
        line = shown.stdout.partition(f"\n  {name} ")[2].partition("\n")[0]
        assert line.endswith("."), "the first sentence of a command fits its line"
        assert not line.endswith("..."), "the first sentence of a command fits its line"
    assert "3 corruption" in shown.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_shows_an_example(run: Run, name: str) -> None:
    shown = run(name, "--help")
    assert shown.exit_code == Exit.GOOD
    example = shown.stdout.partition("Example:")[2]
    assert f"pykv {name} " in example


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["gett"], "No such command 'gett'"),
        (["get"], "Missing argument 'DATABASE'"),
        (["get", "x", "y", "--wrong"], "No such option"),
        (["scan", "x", "--limit", "-1"], "--limit"),
        (["get", "x", "y", "--key-format", "utf9"], "utf9"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(run: Run, args: list[str], words: str) -> None:
    result = run(*args)
    assert result.exit_code == Exit.USAGE
    assert words in result.stderr
    assert "--help`" in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_a_command_it_shows_its_help(run: Run) -> None:
    shown = run()
    assert shown.exit_code == Exit.USAGE
    assert shown.stdout == ""
    assert shown.stderr == run("--help").stdout


def test_the_package_runs_as_the_command() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pykv", "--help"], capture_output=True, text=True, check=True
    )
    assert "pykv [OPTIONS]" in shown.stdout


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout.startswith("pykv, version ")


def _raising(error: BaseException) -> object:
    def fail(*_args: object, **_options: object) -> None:
        raise error

    return fail


def test_a_fault_of_the_program_is_one_line_too(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get, "open_reader", _raising(ZeroDivisionError("a fault")))
    result = run("get", database, "one")
    assert result.exit_code == Exit.FAILED
    assert result.stderr.count("\n") == 1
    monkeypatch.setenv("PYKV_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["get", str(database), "one"])


def test_an_interrupt_has_the_exit_code_of_its_signal(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get, "open_reader", _raising(KeyboardInterrupt()))
    result = run("get", database, "one")
    assert result.exit_code == Exit.INTERRUPTED
    assert result.stderr.strip() == "pykv: interrupted"


def test_the_entry_point_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pykv", "nothing"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.USAGE


def test_without_standalone_mode_errors_reach_the_caller(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        cli.main(["nothing"], standalone_mode=False)


def test_a_reader_that_goes_away_ends_the_command_quietly(spawn: Spawn, tmp_path: Path) -> None:
    path = tmp_path / "database"
    with pykv.open(path, engine="bitcask") as db:
        db.put_many((b"%06d" % number, b"x" * 100) for number in range(20_000))
    with spawn("scan", path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait() == Exit.PIPE_CLOSED


@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        ("scan {} >&-", "standard output is closed"),
        ("put {} key <&-", "standard input is closed"),
        ("scan {} >/dev/full", "No space left"),
    ],
)
def test_streams_that_cannot_be_used_are_one_line_too(
    database: Path, redirection: str, words: str
) -> None:
    """A shell may close a stream before the command begins, or lead it to a full disk."""
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip(reason="this system has no /dev/full")
    command = f"{sys.executable} -m pykv.cli {redirection.format(database)}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == Exit.FAILED
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_command_that_prints_nothing_needs_no_output(database: Path) -> None:
    command = f"{sys.executable} -m pykv.cli put {database} key value >&-"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == Exit.GOOD
    assert rows_of(database)[b"key"] == b"value"


def test_ctrl_c_in_a_load_keeps_what_was_stored(spawn: Spawn, tmp_path: Path) -> None:
    """The rows that were read before the signal are there, and the database is closed cleanly."""
    path = tmp_path / "database"
    with spawn("load", path, "-", "--format", "tsv") as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(b"%d\tvalue\n" % number for number in range(1_500)))
        process.stdin.flush()
        while not (path / "MANIFEST").exists():
            assert process.poll() is None
        _wait_for_rows(path, 1_000)
        process.send_signal(signal.SIGINT)
        assert process.wait() == Exit.INTERRUPTED
        assert process.stderr is not None
        told = process.stderr.read().decode()
        process.stdin.close()
    assert "Traceback" not in told
    assert told.endswith("pykv: interrupted\n")
    count = len(rows_of(path))
    assert 1_000 <= count <= 1_500
    assert f"stored before the interrupt: {count:,} rows" in told


def _wait_for_rows(path: Path, count: int) -> None:
    while True:
        with pykv.open(path, read_only=True) as db:
            if len(db) >= count:
                return


def test_a_command_without_a_bar_does_not_import_its_library(database: Path) -> None:
    """Importing rich takes longer than a get."""
    program = (
        "import sys; from pykv.cli.app import cli\n"
        "try: cli.main(sys.argv[1:])\n"
        "finally: assert 'rich' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    command = [sys.executable, "-c", program, "get", str(database), "one"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"1", b"")


def test_a_database_with_order_is_looked_after_too(run: Run, ordered: Path, tmp_path: Path) -> None:
    assert run("get", ordered, "two").stdout.strip() == "2"
    assert run("delete", ordered, "two").exit_code == Exit.GOOD
    assert run("dump", ordered, tmp_path / "rows.tsv").exit_code == Exit.GOOD
    assert (tmp_path / "rows.tsv").read_text().splitlines()[:2] == ["one\t1", "three\t3"]
    assert run("compact", ordered).exit_code == Exit.GOOD
    assert "lsm" in run("stats", ordered).stdout
    assert json.loads(run("stats", ordered, "--json").stdout)["level_count"] == 7
    assert run("verify", ordered).exit_code == Exit.GOOD
    assert run("destroy", ordered, "--yes").exit_code == Exit.GOOD
    assert not ordered.exists()
