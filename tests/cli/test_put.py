"""`pykv put` sets one key."""

import time
from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


def test_a_value_is_stored_in_a_new_database(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "made" / "here"
    result = run("put", path, "greeting", "hello")
    assert (result.exit_code, result.output) == (Exit.GOOD, "")
    assert rows_of(path) == {b"greeting": b"hello"}


def test_a_value_is_overwritten(run: Run, database: Path) -> None:
    run("put", database, "one", "eleven")
    assert rows_of(database)[b"one"] == b"eleven"


def test_a_value_comes_from_a_file_or_standard_input_byte_for_byte(
    run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x00\xff\r\n")
    path = tmp_path / "database"
    assert run("put", path, "file", "--file", file).exit_code == Exit.GOOD
    assert run("put", path, "stdin", input=b"\x00\xfe\r\n").exit_code == Exit.GOOD
    assert run("put", path, "empty", "").exit_code == Exit.GOOD
    assert rows_of(path) == {b"file": b"\x00\xff\r\n", b"stdin": b"\x00\xfe\r\n", b"empty": b""}


def test_key_and_value_have_formats(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    args = ("--key-format", "hex", "--value-format", "escape")
    assert run("put", path, "00ff", "a\\tb", *args).exit_code == Exit.GOOD
    assert rows_of(path) == {b"\x00\xff": b"a\tb"}


def test_a_row_may_expire(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    before = time.time()
    assert run("put", path, "short", "1", "--ttl", "90.5").exit_code == Exit.GOOD
    assert run("put", path, "long", "1").exit_code == Exit.GOOD
    with pykv.open(path) as db:
        expires = db.expires_at(b"short")
        assert expires is not None
        assert before + 90 < expires < time.time() + 91
        assert db.expires_at(b"long") is None


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["key", "value", "--ttl", "0"], Exit.USAGE, "is not in the range x>0"),
        (["key", "value", "--ttl", "1e30"], Exit.USAGE, "--ttl: ttl must be above 0 and at most"),
        (["key", "value", "--ttl", "soon"], Exit.USAGE, "not a valid float"),
        (["key", "value", "--file", "x"], Exit.USAGE, "exclude each other"),
        (["zz", "value", "--key-format", "hex"], Exit.USAGE, "the key 'zz' is not hex"),
        (["k" * 65_536, "value"], Exit.USAGE, "at most 65,535 bytes"),
        (["key", "--file", "/does/not/exist"], Exit.FAILED, "No such file"),
        (["key", "value", "--engine", "lsm"], Exit.FAILED, "Check the path and the engine"),
        (["key", "value", "--engine", "bitcusk"], Exit.USAGE, "did you mean 'bitcask'"),
        (["key", "value", "--engine", "memory"], Exit.USAGE, "end with the command"),
    ],
)
def test_a_wrong_argument_changes_nothing(
    run: Run, database: Path, args: list[str], code: Exit, words: str
) -> None:
    before = rows_of(database)
    result = run("put", database, *args)
    assert result.exit_code == code
    assert words in result.stderr
    assert rows_of(database) == before


def test_a_database_that_is_open_elsewhere_is_refused(run: Run, database: Path) -> None:
    with pykv.open(database) as db:
        result = run("put", database, "one", "eleven")
        assert result.exit_code == Exit.FAILED
        assert "Stop the process that has it open" in result.stderr
        assert db[b"one"] == b"1"
