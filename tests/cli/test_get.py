"""`pykv get` writes one value, byte for byte."""

import json
from pathlib import Path

import pytest

import pykv
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, Spawn


def test_a_value_is_written_as_it_is(run: Run, database: Path) -> None:
    result = run("get", database, "one")
    assert (result.exit_code, result.stdout_bytes, result.stderr) == (Exit.GOOD, b"1", "")


@pytest.mark.parametrize(
    ("key", "key_format"), [("ff00", "hex"), ("\\xff\\x00", "escape"), ("/wA=", "base64")]
)
def test_a_key_is_written_in_any_format(
    run: Run, database: Path, key: str, key_format: str
) -> None:
    assert run("get", database, key, "--key-format", key_format).stdout_bytes == b"bytes \xfe"


@pytest.mark.parametrize(
    ("value_format", "text"), [("hex", "6279746573 20fe"), ("escape", "bytes \\xfe")]
)
def test_a_value_is_shown_in_any_format(
    run: Run, database: Path, value_format: str, text: str
) -> None:
    result = run("get", database, "ff00", "--key-format", "hex", "--value-format", value_format)
    assert result.stdout == text.replace("73 20", "7320") + "\n"


def test_json_names_the_formats_where_it_is_not_text(run: Run, database: Path) -> None:
    assert json.loads(run("get", database, "one", "--json").stdout) == {"key": "one", "value": "1"}
    odd = run("get", database, "ff00", "--key-format", "hex", "--json").stdout
    assert json.loads(odd) == {"key_hex": "ff00", "value_base64": "Ynl0ZXMg/g=="}


def test_a_missing_key_is_exit_code_1(run: Run, database: Path) -> None:
    result = run("get", database, "nine")
    assert (result.exit_code, result.stdout) == (Exit.NOT_FOUND, "")
    assert result.stderr == "pykv: not found: nine\n"


def test_a_missing_database_is_no_missing_key(run: Run, tmp_path: Path) -> None:
    result = run("get", tmp_path / "none", "one")
    assert result.exit_code == Exit.FAILED
    assert "there is no database in" in result.stderr
    assert not (tmp_path / "none").exists()


def test_a_file_is_no_database(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text", encoding="ascii")
    result = run("get", file, "one")
    assert result.exit_code == Exit.FAILED
    assert "A database is a directory" in result.stderr


def test_a_value_that_is_no_text_is_refused_as_utf8(run: Run, database: Path) -> None:
    result = run("get", database, "ff00", "--key-format", "hex", "--value-format", "utf8")
    assert result.exit_code == Exit.USAGE
    assert "choose escape, hex or base64" in result.stderr


def test_a_damaged_value_is_exit_code_3(run: Run, damaged: Path) -> None:
    result = run("get", damaged, "first")
    assert (result.exit_code, result.stdout) == (Exit.CORRUPTION, "")
    assert "pykv repair" in result.stderr
    assert run("get", damaged, "second").stdout == "a value that stays"


def test_it_reads_beside_a_writer(run: Run, database: Path) -> None:
    with pykv.open(database) as db:
        db[b"one"] = b"written just now"
        assert run("get", database, "one").stdout == "written just now"


def test_an_argument_may_hold_any_bytes(spawn: Spawn, database: Path) -> None:
    with pykv.open(database) as db:
        db[b"stra\xdfe"] = b"latin\n"
    with spawn("get", database, "stra\udcdfe") as process:
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, b"latin\n", b"")
