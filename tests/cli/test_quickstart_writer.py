"""The child of the quickstart: what it writes, how it dies, how the rest is judged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pykv
from pykv.cli import quickstart_writer
from pykv.cli.quickstart_writer import (
    VALUE_BYTES_MAX,
    WriterError,
    child_key,
    child_keys,
    child_value,
    differences,
    kill_a_writer,
)


def test_values_follow_from_their_numbers() -> None:
    lengths = {len(child_value(number)) for number in range(100)}
    assert len(lengths) > 50
    assert max(lengths) < VALUE_BYTES_MAX
    assert child_value(7) == child_value(7) != child_value(8)


def test_a_killed_child_leaves_every_write_that_it_acknowledged(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart_writer, "WRITING_SECONDS", 0.05)
    count = kill_a_writer(database, "bitcask")
    assert count >= quickstart_writer.ACKNOWLEDGED_MIN
    with pykv.open(database) as db:
        assert differences(db, count) == []
        assert set(db.keys()) - child_keys(db, count) == {b"one", b"two", b"\xff\x00"}


def test_the_child_ends_quietly_when_its_parent_is_gone(database: Path) -> None:
    reading, writing = os.pipe()
    module = "pykv.cli.quickstart_writer"
    command = [sys.executable, "-W", "error", "-m", module, str(database), "bitcask", str(writing)]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.PIPE) as child:
        os.close(writing)
        os.read(reading, 8)
        os.close(reading)
        assert child.stderr is not None
        assert child.stderr.read() == b""
        assert child.wait() == 0
    with pykv.open(database) as db:
        assert db.stats()["clean_open"]
        assert db[child_key(0)] == child_value(0)


def test_missing_wrong_and_torn_rows_are_told() -> None:
    with pykv.open(engine="memory") as db:
        for number in range(4):
            db[child_key(number)] = child_value(number)
        assert differences(db, 4) == []
        assert differences(db, 3) == []
        del db[child_key(1)]
        db[child_key(2)] = b"other"
        db[child_key(3)] = b"half"
        assert differences(db, 3) == [
            "write 1 of the child was acknowledged and is missing",
            "write 2 of the child was acknowledged and is wrong",
            "write 3 of the child is torn",
        ]


def test_a_child_that_ends_by_itself_is_an_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WriterError, match="ended by itself"):
        kill_a_writer(tmp_path / "none", "bitcask")
    assert "FileNotFoundError" in capfd.readouterr().err


def test_a_child_that_is_too_slow_is_an_error(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quickstart_writer, "SECONDS_MAX", -1.0)
    with pytest.raises(WriterError, match="too little"):
        kill_a_writer(database, "bitcask")


def test_a_pipe_whose_numbers_do_not_count_up_is_an_error() -> None:
    with pytest.raises(WriterError, match="holds 2 numbers and ends with 5"):
        quickstart_writer._last_number(bytes(8) + (5).to_bytes(8, "little"))
