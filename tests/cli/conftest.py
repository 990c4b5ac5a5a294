"""The `pykv` command under test: in this process, and as a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import pykv
from pykv.cli.app import cli

Run = Callable[..., Result]
Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def run() -> Run:
    """Runs the command with arguments, as in run("get", path, "key", input=b"")."""

    def invoke(*args: object, input: bytes | str | None = None) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], input=input)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.stderr
        return result

    return invoke


@pytest.fixture
def spawn() -> Spawn:
    """Starts the command as a process, with pipes for its input and outputs."""

    def start(*args: object, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-m", "pykv.cli", *(str(arg) for arg in args)]
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process: subprocess.Popen[bytes] = subprocess.Popen(command, **(pipes | options))
        return process

    return start


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """The path of a database with three rows."""
    path = tmp_path / "database"
    with pykv.open(path, engine="bitcask") as db:
        db.update({b"one": b"1", b"two": b"2", b"\xff\x00": b"bytes \xfe"})
    return path


@pytest.fixture
def ordered(tmp_path: Path) -> Path:
    """The path of a database whose engine has order, with four rows."""
    path = tmp_path / "ordered"
    with pykv.open(path, engine="lsm") as db:
        db.update({b"one": b"1", b"two": b"2", b"three": b"3", b"\xff\x00": b"bytes \xfe"})
    return path


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The path of a database with a flipped byte in the value of its first row."""
    path = tmp_path / "damaged"
    with pykv.open(path, engine="bitcask") as db:
        db.put(b"first", b"a value that will be damaged")
        db.put(b"second", b"a value that stays")
        db.flush()
    for log in path.glob("*.log"):
        data = log.read_bytes()
        if (at := data.find(b"will be damaged")) >= 0:
            log.write_bytes(data[:at] + b"W" + data[at + 1 :])
    return path


def rows_of(path: Path) -> dict[bytes, bytes]:
    """The rows of the database at path."""
    with pykv.open(path, read_only=True) as db:
        return dict(db.items())
