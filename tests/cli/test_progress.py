"""A bar where there is a terminal, and nothing where there is none."""

import os
import pty
import re
from pathlib import Path

import pytest

from pykv.cli.progress import Unit, progress_bar
from tests.cli.conftest import Spawn


def test_without_a_terminal_nothing_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("load", "rows") as advance:
        advance(1, 2)
    assert capfd.readouterr() == ("", "")


def _seen(spawn: Spawn, *args: object) -> bytes:
    """What a process shows on a terminal as its standard error."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
    try:
        with spawn(*args, stderr=theirs, env=environment) as process:
            process.communicate()
            assert process.returncode == 0
        os.set_blocking(ours, False)
        return os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("command", ["load", "dump", "verify", "compact", "repair", "convert"])
def test_long_commands_show_a_bar_on_a_terminal(
    spawn: Spawn, database: Path, tmp_path: Path, command: str
) -> None:
    rows = tmp_path / "rows.tsv"
    rows.write_text("a\tb\n", encoding="ascii")
    given: dict[str, list[object]] = {
        "load": [rows],
        "dump": [tmp_path / "out.tsv"],
        "convert": [tmp_path / "converted", "--engine", "lsm"],
    }
    args = given.get(command, [])
    assert command.encode() in _seen(spawn, command, database, *args)


@pytest.mark.parametrize("unit", ["bytes", "files", "rows"])
def test_the_bar_counts_in_its_unit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, unit: Unit
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar("doing", unit) as advance:
        advance(0, 0)
        advance(500, 1_000)
    shown = capsys.readouterr().err
    assert "doing" in shown
    counted = {"bytes": "0.5/1.0 kB", "files": "500/1000 files", "rows": "500/1000 rows"}
    assert counted[unit] in re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", shown)
