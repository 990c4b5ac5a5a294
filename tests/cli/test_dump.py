"""`pykv dump` writes rows that `pykv load` stores again, byte for byte."""

import json
import os
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pykv
from pykv.cli import dump
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of

ROWS = {
    b"": b"",
    b"one": b"",
    b"text": "stra\u00dfe \u2028 \ufeff".encode(),
    b"\ttab\r\nline": b'"quoted", comma\\backslash',
    b"\x00\xff\xfe": bytes(range(256)),
    b"/": b"\r",
}


@pytest.fixture
def varied(tmp_path: Path) -> Path:
    path = tmp_path / "varied"
    with pykv.open(path, engine="bitcask") as db:
        db.update(ROWS)
    return path


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_every_format_comes_back_byte_for_byte(
    run: Run, varied: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"rows.{kind}"
    assert run("dump", varied, target).stderr == f"wrote {len(ROWS)} rows\n"
    assert run("load", tmp_path / "again", target).exit_code == Exit.GOOD
    assert rows_of(tmp_path / "again") == ROWS


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("how", ["hex", "escape", "base64"])
def test_every_format_of_cells_comes_back(
    run: Run, varied: Path, tmp_path: Path, kind: str, how: str
) -> None:
    formats = ("--key-format", how, "--value-format", how)
    dumped = run("dump", varied, "--format", kind, *formats)
    assert dumped.exit_code == Exit.GOOD
    given = formats if kind == "tsv" else ()
    again = run("load", tmp_path / "again", "-", "--format", kind, *given, input=dumped.stdout)
    assert again.exit_code == Exit.GOOD
    assert rows_of(tmp_path / "again") == ROWS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
@given(rows=st.dictionaries(st.binary(max_size=20), st.binary(max_size=50), max_size=8))
@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_any_rows_come_back(
    run: Run,
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    rows: dict[bytes, bytes],
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with pykv.open(folder / "a", engine="bitcask", background_threads=0) as db:
        db.update(rows)
    text = run("dump", folder / "a", "--format", kind).stdout_bytes
    assert run("load", folder / "b", "-", "--format", kind, input=text).exit_code == Exit.GOOD
    assert rows_of(folder / "b") == rows


def test_a_tree_comes_back(run: Run, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "stra\u00dfe").write_bytes(b"\x00\r\n")
    (tree / "empty").write_bytes(b"")
    assert run("load", tmp_path / "database", tree).exit_code == Exit.GOOD
    copy = tmp_path / "copy"
    assert run("dump", tmp_path / "database", copy, "--format", "dir").exit_code == Exit.GOOD
    files = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert files == {"deep/stra\u00dfe", "empty"}
    assert (copy / "deep" / "stra\u00dfe").read_bytes() == b"\x00\r\n"


@pytest.mark.parametrize("key", [b"../up", b"/absolute", b"a//b", b"", b"nul\x00", b"."])
def test_a_key_that_is_no_path_is_not_written_as_a_file(
    run: Run, tmp_path: Path, key: bytes
) -> None:
    with pykv.open(tmp_path / "database", engine="bitcask") as db:
        db[key] = b"value"
    result = run("dump", tmp_path / "database", tmp_path / "in" / "copy", "--format", "dir")
    assert result.exit_code == Exit.FAILED
    assert "choose another format" in result.stderr
    assert not (tmp_path / "in" / "up").exists()


def test_standard_output_is_json_lines_unless_asked(run: Run, database: Path) -> None:
    rows = [json.loads(line) for line in run("dump", database).stdout.splitlines()]
    assert {"key": "one", "value": "1"} in rows
    assert {"key_base64": "/wA=", "value_base64": "Ynl0ZXMg/g=="} in rows


def test_a_file_that_exists_is_kept_unless_told(run: Run, database: Path, tmp_path: Path) -> None:
    target = tmp_path / "rows.tsv"
    target.write_text("mine", encoding="ascii")
    assert run("dump", database, target).exit_code == Exit.USAGE
    assert target.read_text(encoding="ascii") == "mine"
    assert run("dump", database, target, "--overwrite").exit_code == Exit.GOOD
    assert len(target.read_text(encoding="ascii").splitlines()) == 3


def test_a_dump_that_fails_leaves_no_file(run: Run, database: Path, tmp_path: Path) -> None:
    target = tmp_path / "folder" / "rows.tsv"
    target.parent.mkdir()
    result = run("dump", database, target, "--value-format", "utf8")
    assert result.exit_code == Exit.USAGE
    assert list(target.parent.iterdir()) == []


def test_a_pipe_is_written_to_and_stays_one(run: Run, database: Path, tmp_path: Path) -> None:
    """It was replaced by a file, and so was a device by who may write to its directory."""
    pipe = tmp_path / "rows.tsv"
    os.mkfifo(pipe)
    (tmp_path / "link.tsv").symlink_to(pipe)
    for target in (pipe, tmp_path / "link.tsv"):
        assert run("dump", database, target).exit_code == Exit.USAGE
        read: list[bytes] = []
        reader = Thread(target=lambda into=read: into.append(pipe.read_bytes()))
        reader.start()
        assert run("dump", database, target, "--overwrite").exit_code == Exit.GOOD
        reader.join(timeout=60)
        assert len(read[0].splitlines()) == 3
    assert pipe.is_fifo()
    assert (tmp_path / "link.tsv").is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"database", "rows.tsv", "link.tsv"}


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_and_leads_to_the_rows(
    run: Run, database: Path, tmp_path: Path, is_there: bool
) -> None:
    """The link was replaced by a file, and what it led to kept its old rows."""
    link, place = tmp_path / "rows.tsv", tmp_path / "disk" / "rows"
    place.parent.mkdir()
    link.symlink_to(place)
    if is_there:
        place.write_text("old", encoding="ascii")
    assert run("dump", database, link, "--overwrite").exit_code == Exit.GOOD
    assert link.is_symlink()
    assert len(place.read_text(encoding="ascii").splitlines()) == 3
    assert [each.name for each in place.parent.iterdir()] == ["rows"]


def test_no_file_beside_the_target_is_lost(run: Run, database: Path, tmp_path: Path) -> None:
    """The file that a dump wrote first was opened over what had its name."""
    mine = [tmp_path / f"rows.tsv.unfinished{end}" for end in ("", "-0")]
    for each in mine:
        each.write_text("mine", encoding="ascii")
    assert run("dump", database, tmp_path / "rows.tsv").exit_code == Exit.GOOD
    assert run("dump", database, tmp_path / "other.tsv", "--value-format", "utf8").exit_code
    assert [each.read_text(encoding="ascii") for each in mine] == ["mine", "mine"]
    assert {each.name for each in tmp_path.iterdir()} == {
        *("database", "rows.tsv"),
        *(each.name for each in mine),
    }


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["-", "--format", "dir"], "a directory needs a name"),
        (["rows.xyz"], "say what to write with --format"),
    ],
)
def test_an_unclear_target_is_refused(
    run: Run, database: Path, args: list[str], words: str
) -> None:
    result = run("dump", database, *args)
    assert result.exit_code == Exit.USAGE
    assert words in result.stderr


def test_a_directory_with_files_is_not_written_to(run: Run, database: Path, tmp_path: Path) -> None:
    result = run("dump", database, tmp_path, "--format", "dir")
    assert result.exit_code == Exit.USAGE
    assert "is not empty" in result.stderr


def test_how_far_it_is_is_told_now_and_then() -> None:
    told: list[tuple[int, int]] = []
    with pykv.open(engine="memory") as db:
        db.put_many((b"%d" % number, b"") for number in range(250))
        dumped = dump.Dumped()
        rows = list(dumped.lines({None: db}, lambda done, total: told.append((done, total))))
    assert len(rows) == dumped.row_count == 250
    assert told == [(100, 250), (200, 250)]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_rows_that_expire_still_do_when_they_come_back(
    run: Run, tmp_path: Path, kind: str, engine: str
) -> None:
    with pykv.open(tmp_path / "db", engine=engine) as db:
        db.put(b"kept", b"1")
        db.put(b"expires", b"2", ttl=1_000)
        db.put(b"expired", b"3", ttl=0.000_001)
        deadline = db.expires_at(b"expires")
    target = tmp_path / f"rows.{kind}"
    assert run("dump", tmp_path / "db", target).exit_code == Exit.GOOD
    assert run("load", tmp_path / "again", target).exit_code == Exit.GOOD
    with pykv.open(tmp_path / "again") as db:
        assert sorted(db) == [b"expires", b"kept"]
        assert db.expires_at(b"expires") == deadline
        assert db.expires_at(b"kept") is None


NAMES = ["empty", "users", 'tab\t, "line"\nend', "\u00e9"]


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """The path of a database with namespaces, of which one has no rows."""
    path = tmp_path / "named"
    with pykv.open(path, engine="lsm") as db:
        db.update(ROWS)
        for name in NAMES:
            space = db.namespace(name, create=True)
            if name != "empty":
                space.update(ROWS)
                space.put(b"name", name.encode())
                space.put(b"expires", b"", ttl=1_000)
    return path


def lines_of(path: Path) -> list[pykv.DatedRow | str]:
    with pykv.open(path, read_only=True) as db:
        return [*db.namespaces(), *pykv.export_rows(db)]


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl"])
def test_namespaces_come_back_with_their_rows(
    run: Run, named: Path, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / f"rows.{kind}"
    assert run("dump", named, target).stderr == f"wrote {4 * len(ROWS) + 6} rows\n"
    assert run("load", tmp_path / "again", target).exit_code == Exit.GOOD
    assert lines_of(tmp_path / "again") == lines_of(named)
    lines = target.read_bytes().splitlines(keepends=True)
    if kind == "tsv":
        target.write_bytes(b"".join(sorted(lines)))
        assert run("load", tmp_path / "sorted", target).exit_code == Exit.GOOD
        assert lines_of(tmp_path / "sorted") == lines_of(named)
    assert run("load", tmp_path / "bitcask", target, "--engine", "bitcask").exit_code == Exit.GOOD
    assert sorted(lines_of(tmp_path / "bitcask"), key=str) == sorted(lines_of(named), key=str)
    refused = run("load", tmp_path / "sqlite", target, "--engine", "sqlite")
    assert refused.exit_code == Exit.FAILED
    assert "namespaces" in refused.stderr


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "dir"])
def test_one_namespace_goes_anywhere(run: Run, tmp_path: Path, kind: str) -> None:
    source, target = tmp_path / "source", tmp_path / f"rows.{kind}"
    with pykv.open(source, engine="lsm") as db:
        db[b"of/nobody"] = b"0"
        db.namespace("users", create=True).update({b"a/b": b"1", b"c": b"2"})
    dumped = run("dump", source, target, "--namespace", "users", "--format", kind)
    assert (dumped.exit_code, dumped.stderr) == (Exit.GOOD, "wrote 2 rows\n")
    again = run("load", tmp_path / "again", target, "--namespace", "others")
    assert again.exit_code == Exit.GOOD
    assert run("load", tmp_path / "plain", target, "--engine", "bitcask").exit_code == Exit.GOOD
    with pykv.open(tmp_path / "again") as db:
        assert (len(db), db.namespaces()) == (0, ["others"])
        assert list(db.namespace("others").items()) == [(b"a/b", b"1"), (b"c", b"2")]
    assert rows_of(tmp_path / "plain") == {b"a/b": b"1", b"c": b"2"}
    assert run("dump", source, "--namespace", "", "--format", "tsv").stdout == "of/nobody\t0\n"


def test_what_does_not_fit_is_refused(run: Run, named: Path, tmp_path: Path) -> None:
    refused = run("dump", named, tmp_path / "tree", "--format", "dir")
    assert (refused.exit_code, "--namespace" in refused.stderr) == (Exit.USAGE, True)
    missing = run("dump", named, "--namespace", "nobody")
    assert (missing.exit_code, missing.stdout) == (Exit.NOT_FOUND, "")
    assert "there is no namespace 'nobody'" in missing.stderr
    text = run("dump", named).stdout
    refused = run("load", tmp_path / "db", "-", "--format", "jsonl", "--namespace", "n", input=text)
    assert "leave --namespace out" in refused.stderr
    for line in ('{"namespace": 5}', '{"key": "a", "value": "b", "namespace": ""}'):
        refused = run("load", tmp_path / "db", "-", "--format", "jsonl", input=line)
        assert refused.exit_code == Exit.FAILED
        assert "line 1: the name of a namespace" in refused.stderr
