"""What else may be in a directory where a database of others is to be made: nothing."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import pykv
from pykv.adapters._place import refuse_others
from pykv.errors import FormatError
from tests.adapters.test_adapters import HERE, adapters
from tests.cli.conftest import run

Run = Callable[..., Result]
__all__ = ["run"]

ENGINES = [*HERE, "bitcask", "lsm"]


def contents(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir()}


@pytest.mark.parametrize("wanted", ENGINES)
@pytest.mark.parametrize("there", ENGINES)
def test_no_database_is_made_beside_that_of_another_engine(
    tmp_path: Path, run: Run, there: str, wanted: str
) -> None:
    """With engine="leveldb" one was made in the directory of a Bitcask, whose logs went with the
    next open, since LevelDB took them for its own; RocksDB left its files there."""
    path = tmp_path / "db"
    with pykv.open(path, engine=there) as db:
        db[b"k"] = b"v"
    if wanted == there:
        return
    before = contents(path)
    for options in ({}, {"read_only": True}, {"error_if_exists": True}):
        with pytest.raises(FormatError):
            pykv.open(path, engine=wanted, **options)
    failed = run("put", path, "k", "w", "--engine", wanted)
    assert failed.exit_code == 4
    assert there in failed.stderr.lower()
    assert contents(path) == before
    with pykv.open(path) as db:
        assert dict(db.items()) == {b"k": b"v"}


@adapters
@pytest.mark.parametrize("there", ["bitcask", "lsm"])
def test_no_database_is_made_beside_a_writer(tmp_path: Path, there: str, engine: str) -> None:
    """Each has a lock of its own, so both wrote."""
    with pykv.open(tmp_path / "db", engine=there) as db:
        with pytest.raises(FormatError, match=f"of engine '{there}', not '{engine}'"):
            pykv.open(tmp_path / "db", engine=engine)
        db[b"k"] = b"v"
    with pykv.open(tmp_path / "db") as db:
        assert dict(db.items()) == {b"k": b"v"}


@pytest.mark.parametrize("engine", ENGINES)
def test_no_database_is_made_among_other_files(tmp_path: Path, run: Run, engine: str) -> None:
    """api.md says so of every engine, and those of others made one."""
    (tmp_path / "notes.txt").write_text("hi")
    with pytest.raises(FormatError, match=r"notes\.txt"):
        pykv.open(tmp_path, engine=engine)
    assert run("put", tmp_path, "a", "1", "--engine", engine).exit_code == 4
    loading = ("load", tmp_path, "-", "--format", "jsonl", "--engine", engine)
    assert run(*loading, input='{"key": "a", "value": "1"}\n').exit_code == 4
    assert contents(tmp_path) == {"notes.txt": b"hi"}


@adapters
def test_what_is_unfinished_is_not_built_upon(tmp_path: Path, engine: str) -> None:
    (tmp_path / "CHECKPOINT.tmp").touch()
    with pytest.raises(FormatError, match="not finished"):
        pykv.open(tmp_path, engine=engine)
    assert list(contents(tmp_path)) == ["CHECKPOINT.tmp"]


@adapters
def test_names_that_mean_nothing_and_what_a_kill_left_are_no_hindrance(
    tmp_path: Path, engine: str
) -> None:
    left = {
        "leveldb": ["LOG", "LOCK", "MANIFEST-000001", "000001.dbtmp"],
        "rocksdb": ["LOG", "LOCK", "IDENTITY", "000000.dbtmp"],
        "lmdb": ["lock.mdb"],
        "sqlite": [],
    }
    for name in (".hidden", "LOCK.pykv", *left[engine]):
        (tmp_path / name).touch()
    (tmp_path / "lost+found").mkdir()
    with pykv.open(tmp_path, engine=engine) as db:
        db[b"k"] = b"v"
    with pykv.open(tmp_path) as db:
        assert db.stats()["engine"] == engine


def test_rows_of_a_leveldb_that_lost_its_head_are_kept(tmp_path: Path) -> None:
    """Without CURRENT it makes a new database, and removes the files of the old one."""
    pytest.importorskip("plyvel")
    with pykv.open(tmp_path / "db", engine="leveldb") as db:
        db[b"k"] = b"v"
    (tmp_path / "db" / "CURRENT").unlink()
    before = contents(tmp_path / "db")
    with pytest.raises(FormatError):
        pykv.open(tmp_path / "db", engine="leveldb")
    assert contents(tmp_path / "db") == before


def test_a_rocksdb_of_a_process_that_died_early_is_one(tmp_path: Path) -> None:
    """It has no OPTIONS yet, and was taken for a LevelDB."""
    pytest.importorskip("rocksdict")
    with pykv.open(tmp_path / "db", engine="rocksdb"):
        pass
    for each in (tmp_path / "db").glob("OPTIONS-*"):
        each.unlink()
    with pytest.raises(FormatError, match="of engine 'rocksdb', not 'leveldb'"):
        pykv.open(tmp_path / "db", engine="leveldb")
    with pykv.open(tmp_path / "db") as db:
        assert db.stats()["engine"] == "rocksdb"


@pytest.mark.parametrize("engine", [each for each in HERE if each in ("leveldb", "rocksdb")])
def test_a_database_of_many_files_is_not_taken_for_a_bitcask(tmp_path: Path, engine: str) -> None:
    """From 10,000,000 on the logs of others are named as those of a Bitcask: an open advised to
    repair it, and destroying it removed the logs alone."""
    path = tmp_path / "db"
    with pykv.open(path, engine=engine) as db:
        db[b"k"] = b"v"
    for log in path.glob("*.log"):
        log.rename(path / "10000005.log")
    with pykv.open(path) as db:
        assert dict(db.items()) == {b"k": b"v"}
        assert db.stats()["engine"] == engine


def test_refuse_others_takes_an_empty_directory(tmp_path: Path) -> None:
    refuse_others(tmp_path, "leveldb", re.compile("LOG"))
    (tmp_path / "LOGS").touch()
    with pytest.raises(FormatError):
        refuse_others(tmp_path, "leveldb", re.compile("LOG"))
