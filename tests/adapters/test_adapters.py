"""Databases of others as stores: what the contract does not say of them."""

import builtins
import errno
import importlib.util
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import (
    FormatError,
    IOFailedError,
    KeyTooLargeError,
    LockedError,
    NotSupportedError,
    UnfinishedError,
)
from tests.contract.conftest import ADAPTERS

PACKAGES = {name: package for name, package, _ in ADAPTERS}
HERE = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
ROWS = {b"%04d" % number: b"v%d" % number * 50 for number in range(1, 1200)}

adapters = pytest.mark.parametrize("engine", HERE)


def fill(path: Path, engine: str) -> Path:
    with pykv.open(path, engine=engine) as db:
        db.update(ROWS)
    return path


@adapters
def test_the_directory_tells_the_engine(tmp_path: Path, engine: str) -> None:
    fill(tmp_path / "db", engine)
    with pykv.open(tmp_path / "db") as db:
        assert db.stats()["engine"] == engine
        assert dict(db.items()) == ROWS


@adapters
def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "sqlite":
        return  # It is part of Python.
    importing = builtins.__import__

    def refuse(name: str, *arguments: Any) -> Any:
        if name == PACKAGES[engine]:
            raise ImportError(f"No module named {name!r}")
        return importing(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(NotSupportedError, match=rf"pip install 'pykv\[{engine}\]'"):
        pykv.open(tmp_path / "db", engine=engine)


@adapters
def test_destroy_leaves_what_is_not_of_the_database(tmp_path: Path, engine: str) -> None:
    path = fill(tmp_path / "db", engine)
    with pykv.open(path), pytest.raises(LockedError):
        pykv.destroy(path)
    (path / "notes").write_text("mine")
    pykv.destroy(path)
    assert [each.name for each in path.iterdir()] == ["notes"]
    (path / "notes").unlink()
    pykv.destroy(fill(path, engine))
    assert not path.exists()


@adapters
def test_destroy_leaves_files_whose_names_end_as_theirs_do(tmp_path: Path, engine: str) -> None:
    """Every `*.log` and `*.ldb` went with a LevelDB, so the log of a program that has it there."""
    path = fill(tmp_path / "db", engine)
    mine = ("2026-11.log", "notes.ldb", "server.log", "LOG.old-1", "rows.sqlite3-copy", "x.dbtmp")
    for name in mine:
        (path / name).write_text("mine")
    with pykv.open(path, engine=engine) as db:
        db[b"k"] = b"v"
    pykv.destroy(path)
    assert sorted(each.name for each in path.iterdir()) == sorted(mine)


@adapters
def test_what_they_lack_is_refused(tmp_path: Path, engine: str) -> None:
    with pykv.open(tmp_path / "db", engine=engine) as db:
        for refused in (
            lambda: db.put(b"k", b"v", ttl=1),
            lambda: db.namespaces(),
            lambda: next(db.changes()),
        ):
            with pytest.raises(NotSupportedError):
                refused()
        assert not pykv.supports(db, "ttl")
    with pytest.raises(NotSupportedError):
        pykv.repair(tmp_path / "db")


@adapters
def test_a_sync_of_one_write_is_taken_and_rows_survive_a_kill(tmp_path: Path, engine: str) -> None:
    code = (
        "import os, pykv\n"
        f"db = pykv.open({str(tmp_path / 'db')!r}, engine={engine!r})\n"
        "db.put(b'k', b'v', sync=True)\n"
        "db.put_many([(b'a', b'1'), (b'b', b'2')], atomic=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert ended.returncode == -9
    with pykv.open(tmp_path / "db") as db:
        assert dict(db.items()) == {b"a": b"1", b"b": b"2", b"k": b"v"}
        assert db.verify().ok


@pytest.mark.parametrize("engine", [each for each in HERE if each != "lmdb"])  # which has no checks
def test_rows_behind_damage_are_missed(tmp_path: Path, engine: str) -> None:
    """A scan of a RocksDB ended at the damaged block as if it were the end, and so did verify."""
    path = tmp_path / "db"
    with pykv.open(path, engine=engine) as db:
        db.update({b"%06d" % number: b"%d" % number * 40 for number in range(4000)})
        db.compact()
    for file in (*path.glob("*.sst"), *path.glob("*.ldb"), *path.glob("*.sqlite3")):
        data = bytearray(file.read_bytes())
        middle = slice(len(data) // 3, len(data) // 2)
        data[middle] = bytes(each ^ 0x5A for each in data[middle])
        file.write_bytes(data)
    with pykv.open(path, read_only=True) as db:
        for reverse in (False, True):
            with pytest.raises(IOFailedError):
                list(db.scan(reverse=reverse))
        with pytest.raises(IOFailedError):
            pykv.convert(db, tmp_path / "copy", engine="lsm")
        report = db.verify()
        assert not report.ok
        assert str(path) in report.damages[0].text


# ---- conversions ----


@adapters
@pytest.mark.parametrize("other", ["lsm", "bitcask"])
def test_rows_go_there_and_back(tmp_path: Path, engine: str, other: str) -> None:
    fill(tmp_path / "a", other)
    told: list[tuple[int, int]] = []
    there = pykv.convert(
        tmp_path / "a", tmp_path / "b", engine=engine, progress=lambda *done: told.append(done)
    )
    back = pykv.convert(tmp_path / "b", tmp_path / "c", engine=other)
    assert there.digest == back.digest
    assert there.row_count == back.row_count == len(ROWS)
    assert told
    with pykv.open(tmp_path / "c") as db:
        assert dict(db.items()) == ROWS


@pytest.mark.parametrize("source", HERE)
@pytest.mark.parametrize("target", HERE)
def test_rows_go_between_any_two(tmp_path: Path, source: str, target: str) -> None:
    made = pykv.convert(fill(tmp_path / "a", source), tmp_path / "b", engine=target)
    assert made.row_count == len(ROWS)
    with pykv.open(tmp_path / "b") as db:
        assert db.stats()["engine"] == target
        assert dict(db.items()) == ROWS


class StoppedError(Exception):
    pass


@adapters
def test_a_conversion_goes_on_where_it_stopped(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two adapters, too: the source is the same as long as nobody wrote to it."""
    from pykv.engine import dated_rows
    from pykv.engine.convert import run

    monkeypatch.setattr(run, "MARK_BYTES", 1)
    fill(tmp_path / "a", engine)
    real = dated_rows.write_rows
    calls: list[int] = []

    def write_rows(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise StoppedError
        return real(*arguments)

    monkeypatch.setattr(run, "write_rows", write_rows)
    with pytest.raises(StoppedError):
        pykv.convert(tmp_path / "a", tmp_path / "b", engine="sqlite")
    with pytest.raises(UnfinishedError):
        pykv.open(tmp_path / "b")
    made = pykv.convert(tmp_path / "a", tmp_path / "b", engine="sqlite")
    assert made.resumed_row_count == 1000
    with pykv.open(tmp_path / "b") as db:
        assert dict(db.items()) == ROWS


def test_deadlines_do_not_fit_and_say_so(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "a") as db:
        db.put(b"k", b"v", ttl=1000)
    with pytest.raises(NotSupportedError):
        pykv.convert(tmp_path / "a", tmp_path / "b", engine="sqlite")


# ---- one by one ----


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_a_sync_of_sqlite_reaches_the_disk_beside_a_snapshot(tmp_path: Path) -> None:
    """It was a checkpoint, which syncs nothing where a reader keeps it from going on."""
    db = pykv.open(tmp_path / "db", engine="sqlite")
    db[b"k"] = b"v"
    db.sync()
    with db.snapshot():
        db[b"k"] = b"w"
        full = os.open("/dev/full", os.O_WRONLY)
        for each in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):
                if str(each.readlink()) == str(tmp_path / "db" / "rows.sqlite3-wal"):
                    os.dup2(full, int(each.name), inheritable=False)
        os.close(full)
        with pytest.raises(IOFailedError):
            db.sync()
    with pytest.raises(IOFailedError):
        db.close()


def test_lmdb_refuses_keys_that_are_too_long_and_finds_none(tmp_path: Path) -> None:
    pytest.importorskip("lmdb")
    with pykv.open(tmp_path / "db", engine="lmdb") as db:
        longest = b"k" * 510
        db[longest] = b"v"
        assert db[longest] == b"v"
        with pytest.raises(KeyTooLargeError, match="510"):
            db[b"k" * 511] = b"v"
        assert db.get(b"k" * 511) is None
        assert not db.pop(b"k" * 600, b"")
        assert list(db) == [longest]


def test_an_environment_of_somebody_else_is_read_and_written_as_it_is(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    keys = [b"\0\0\1", b"\0\2", b"key"]
    with (
        lmdb.open(str(tmp_path / "theirs")) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key in keys:
            transaction.put(key, b"<" + key + b">")
    with pykv.open(tmp_path / "theirs") as db:
        assert list(db.items()) == [(key, b"<" + key + b">") for key in keys]
        assert db.get(b"") is None
        assert list(db.scan(b"\0\1", reverse=True))[-1][0] == b"\0\2"
        db[b"\0ours"] = b"v"
    with lmdb.open(str(tmp_path / "theirs")) as environment, environment.begin() as transaction:
        assert transaction.get(b"\0ours") == b"v"
    made = pykv.convert(tmp_path / "theirs", tmp_path / "mine", engine="lsm")
    assert made.row_count == 4


def test_an_environment_with_named_databases_is_refused_with_their_names(tmp_path: Path) -> None:
    """The records of the named databases were taken over as rows, their rows were lost, and the
    conversion reported success; clear() failed at them."""
    lmdb = pytest.importorskip("lmdb")
    theirs = tmp_path / "theirs"
    with lmdb.open(str(theirs), max_dbs=9) as environment:
        for name in (b"users", b"groups"):
            database = environment.open_db(name, dupsort=name == b"groups")
            with environment.begin(database, write=True) as transaction:
                transaction.put(b"k", b"of " + name)
        with environment.begin(write=True) as transaction:
            transaction.put(b"looks like one", b"v" * 48)
    told = r"databases with names \(groups, users\), which pykv does not read"
    for read_only in (False, True):
        with pytest.raises(NotSupportedError, match=told):
            pykv.open(theirs, read_only=read_only)
    with pytest.raises(NotSupportedError, match=told):
        pykv.convert(theirs, tmp_path / "mine", engine="lsm")
    assert not (tmp_path / "mine").exists()
    with lmdb.open(str(theirs), max_dbs=9) as environment:
        for name in (b"users", b"groups"):
            with environment.begin(environment.open_db(name, create=False)) as transaction:
                assert transaction.get(b"k") == b"of " + name


def test_a_row_that_looks_like_a_named_database_is_a_row(tmp_path: Path) -> None:
    lmdb = pytest.importorskip("lmdb")
    rows = {b"%d" % number: bytes([number]) * 48 for number in range(20)}
    with (
        lmdb.open(str(tmp_path / "theirs")) as environment,
        environment.begin(write=True) as transaction,
    ):
        for key, value in rows.items():
            transaction.put(key, value)
    with pykv.open(tmp_path / "theirs") as db:
        assert dict(db.items()) == rows


@pytest.mark.parametrize("flag", ["dupsort", "integerkey", "reverse_key"])
def test_an_lmdb_that_is_no_map_in_order_of_bytes_is_refused(tmp_path: Path, flag: str) -> None:
    """Of several values to a key a conversion took some, and reported success."""
    lmdb = pytest.importorskip("lmdb")
    bits = {"reverse_key": 0x02, "dupsort": 0x04, "integerkey": 0x08}
    main, ours = tmp_path / "main", tmp_path / "ours"
    with lmdb.open(str(ours), max_dbs=1) as environment:
        environment.open_db(b"pykv", **{flag: True})
    with lmdb.open(str(main)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"12345678", b"v")
    with (main / "data.mdb").open("r+b") as file:
        for page in (0, 4096):  # A program in C gives the main database flags; the package cannot.
            file.seek(page + 92)
            file.write(bytes([bits[flag]]))
    for path in (main, ours):
        with pytest.raises(NotSupportedError, match=f"was made with {flag}"):
            pykv.open(path, read_only=True)


@pytest.mark.parametrize("durability", ["os", "sync"])
def test_lmdb_syncs_by_itself_where_every_write_is_to_last(tmp_path: Path, durability: str) -> None:
    """One sync behind a commit leaves a moment in which a loss of power damages the database: the
    page that leads to the rows may be there without them."""
    pytest.importorskip("lmdb")
    with pykv.open(tmp_path / "db", engine="lmdb", durability=durability) as db:
        peer: Any = db
        flags = peer._peer._environment.flags()
        assert flags["sync"] == flags["metasync"] == (durability == "sync")


def test_leveldb_of_somebody_else_is_read(tmp_path: Path) -> None:
    plyvel = pytest.importorskip("plyvel")
    theirs = plyvel.DB(str(tmp_path / "db"), create_if_missing=True)
    theirs.put(b"k", b"v")
    with pytest.raises(LockedError):
        pykv.open(tmp_path / "db", engine="leveldb")
    theirs.close()
    with pykv.open(tmp_path / "db", read_only=True) as db:
        assert dict(db.items()) == {b"k": b"v"}


def test_a_file_that_is_no_sqlite_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "rows.sqlite3").write_bytes(b"something else" * 1000)
    with pytest.raises(IOFailedError, match="not a database"):
        pykv.open(tmp_path / "db")


def test_files_of_no_engine_are_still_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(FormatError):
        pykv.open(tmp_path)


def test_a_call_that_an_interrupt_ended_too_early_does_not_keep_close_waiting(
    tmp_path: Path,
) -> None:
    """The count of calls under way stayed above zero, and close waited for ever."""
    db: Any = pykv.open(tmp_path / "db", engine="sqlite")
    db[b"k"] = b"v"
    db._guarded().__enter__()  # of this thread, and never left
    other = threading.Thread(target=lambda: db._guarded().__enter__())
    other.start()
    other.join()
    db.close(timeout=5)
    assert db.closed


@adapters
def test_a_full_disk_at_close_releases_the_database(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noting the last sequence failed, and what was open stayed open."""

    def refuse(*_arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    db = pykv.open(tmp_path / "db", engine=engine)
    db[b"k"] = b"v"
    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", refuse)
        db.close()
    with pykv.open(tmp_path / "db") as db:
        assert dict(db.items()) == {b"k": b"v"}
