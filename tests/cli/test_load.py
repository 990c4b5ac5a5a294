"""`pykv load` stores rows, and stops at what is none."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import pykv
from pykv.cli import load
from pykv.cli.failures import Exit
from pykv.cli.load import Loaded
from tests.cli.conftest import Run, Spawn, rows_of


def test_rows_of_a_file_are_stored_by_its_suffix(run: Run, tmp_path: Path) -> None:
    texts = {
        "a.tsv": "one\t1\nt\\tab\ttwo\\nlines\n",
        "a.csv": 'key,value\none,1\n"t\tab","two\nlines"\n',
        "a.jsonl": '{"key": "one", "value": "1"}\n{"key": "t\\tab", "value": "two\\nlines"}\n',
    }
    for name, text in texts.items():
        source = tmp_path / name
        source.write_text(text, encoding="utf-8")
        path = tmp_path / f"from-{name}"
        result = run("load", path, source)
        assert (result.exit_code, result.stdout) == (Exit.GOOD, "")
        assert result.stderr == "stored 2 rows, 17 bytes\n"
        assert rows_of(path) == {b"one": b"1", b"t\tab": b"two\nlines"}


def test_the_engine_of_a_new_database_can_be_chosen(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    args = ("--format", "tsv", "--engine", "lsm")
    assert run("load", path, "-", *args, input=b"b\t2\na\t1\n").exit_code == Exit.GOOD
    assert run("load", path, "-", "--format", "tsv", input=b"c\t3\n").exit_code == Exit.GOOD
    with pykv.open(path) as db:
        assert isinstance(db, pykv.Lsm)
        assert list(db.items()) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def test_a_directory_is_stored_as_path_and_contents(run: Run, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    (tree / "top").write_bytes(b"\x00top")
    (tree / "deep" / "er" / "file").write_bytes(b"\xff")
    result = run("load", tmp_path / "database", tree, "--json")
    assert json.loads(result.stdout) == {"rows": 2, "bytes": 20}
    assert rows_of(tmp_path / "database") == {b"top": b"\x00top", b"deep/er/file": b"\xff"}


def test_standard_input_needs_a_format(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    assert run("load", path, "-", input=b"a\tb\n").exit_code == Exit.USAGE
    assert not path.exists()
    assert run("load", path, "-", "--format", "tsv", input=b"a\tb\n").exit_code == Exit.GOOD
    assert rows_of(path) == {b"a": b"b"}


def test_formats_of_cells_are_those_given(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    args = ("--format", "tsv", "--key-format", "hex", "--value-format", "utf8")
    assert run("load", path, "-", *args, input=b"00ff\tC:\\new\n").exit_code == Exit.GOOD
    assert rows_of(path) == {b"\x00\xff": b"C:\\new"}


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("tsv", b"a\tb\nno tab\nc\td\n", "line 2: 1 columns"),
        ("tsv", b"a\tb\nx\t\\q\n", "line 2: the value is not escape"),
        ("tsv", b"a\tb\n\xff\xfe\tz\n", "line 2: byte 0 is not UTF-8"),
        ("csv", b"key,value\na,b\nc\n", "line 3: 1 columns"),
        ("jsonl", b'{"key": "a", "value": "b"}\n{"key": 1}\n', "line 2: an object must have"),
        ("jsonl", b'{"key": "a", "value": "b"}\n[[[', "line 2: not JSON"),
    ],
)
def test_garbage_names_its_line_and_the_rows_before_it_are_stored(
    run: Run, tmp_path: Path, kind: str, text: bytes, words: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(text)
    path = tmp_path / "database"
    result = run("load", path, source, "--format", kind)
    assert result.exit_code == Exit.FAILED
    assert f"{source}: {words}" in result.stderr
    assert "Stored before it: 1 row." in result.stderr
    assert result.stderr.count("\n") == 1
    assert rows_of(path) == {b"a": b"b"}


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_bytes_that_are_no_text_at_all_are_refused(run: Run, tmp_path: Path, kind: str) -> None:
    noise = bytes(reversed(range(256))) * 20
    result = run("load", tmp_path / "database", "-", "--format", kind, input=noise)
    assert result.exit_code == Exit.FAILED
    assert "line 1" in result.stderr


def test_a_row_that_is_too_large_is_named(run: Run, tmp_path: Path) -> None:
    rows = b"a\tb\n" + b"k" * 65_536 + b"\tv\n"
    result = run("load", tmp_path / "database", "-", "--format", "tsv", input=rows)
    assert result.exit_code == Exit.FAILED
    assert "at most 65,535 bytes" in result.stderr


def test_no_rows_make_an_empty_database(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "database"
    assert run("load", path, "-", "--format", "tsv", input=b"").exit_code == Exit.GOOD
    assert rows_of(path) == {}


def test_a_source_that_is_not_there_fails(run: Run, tmp_path: Path) -> None:
    result = run("load", tmp_path / "database", tmp_path / "none.tsv")
    assert result.exit_code == Exit.FAILED
    assert "none.tsv: No such file" in result.stderr
    assert not (tmp_path / "database").exists()


def test_rows_are_stored_in_chunks_and_told_after_each() -> None:
    told = []
    rows = ((b"%d" % number, b"x") for number in range(2_500))
    with pykv.open(engine="memory") as db:
        loaded = Loaded()
        loaded.store(db, rows, lambda: told.append((len(db), loaded.row_count)))
        assert told == [(1_000, 1_000), (2_000, 2_000), (2_500, 2_500)]


def test_large_rows_end_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "CHUNK_BYTES_MAX", 100)
    told = []
    with pykv.open(engine="memory") as db:
        rows = ((b"%d" % number, b"x" * 60) for number in range(3))
        loaded = Loaded()
        loaded.store(db, rows, lambda: told.append(len(db)))
    assert told == [2, 3]
    assert loaded.byte_count == 183


def test_a_pipe_with_a_path_is_read_to_its_end(spawn: Spawn, tmp_path: Path) -> None:
    pipe = tmp_path / "rows.tsv"
    os.mkfifo(pipe)
    process = spawn("load", tmp_path / "db", pipe)
    pipe.write_bytes(b"".join(b"%d\tvalue\n" % number for number in range(2_500)))
    _, told = process.communicate()
    assert process.returncode == Exit.GOOD, told
    assert len(rows_of(tmp_path / "db")) == 2_500


def test_rows_before_an_interrupt_are_stored() -> None:
    def broken_off() -> Iterator[tuple[bytes, bytes]]:
        yield b"a", b"b"
        raise KeyboardInterrupt

    with pykv.open(engine="memory") as db:
        loaded = Loaded()
        with pytest.raises(KeyboardInterrupt):
            loaded.store(db, broken_off(), lambda: None)
        assert (db.get(b"a"), loaded.row_count) == (b"b", 1)
