"""Databases of others in a process that changes its directory, is interrupted, or collects."""

import gc
import sys
import warnings
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import pykv
from tests.adapters.test_adapters import HERE, ROWS, adapters, fill


@adapters
def test_a_process_that_changes_its_directory_stays_with_its_database(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scans of SQLite read the database of the same name in the new directory, and clear() took
    its keys from there."""
    for name, key in (("one", b"a"), ("two", b"b")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        with pykv.open("data", engine=engine) as db:
            db[key] = b"v"
    monkeypatch.chdir(tmp_path / "one")
    with pykv.open("data", engine=engine) as db:
        monkeypatch.chdir(tmp_path / "two")
        assert list(db.scan()) == [(b"a", b"v")]
        assert db.stats()["disk_bytes"] > 0
        db.clear()
        assert list(db.scan()) == []
        assert b"a" not in db


@adapters
def test_a_handler_in_the_middle_of_a_write_is_refused_what_would_wait_for_it(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """close(timeout=1) of a signal handler waited for the put that it had interrupted."""
    db: Any = pykv.open(tmp_path / "db", engine=engine)
    apply, refused = db._peer.apply, []

    def interrupted(*arguments: Any) -> None:
        apply(*arguments)
        for attempt in (db.close, db.sync, lambda: db.put(b"k", b"2"), lambda: db.pop(b"k")):
            with pytest.raises(RuntimeError, match="in the middle of a write"):
                attempt()
            refused.append(attempt)
        assert db[b"k"] == b"1"

    with monkeypatch.context() as patched:
        patched.setattr(db._peer, "apply", interrupted)
        db[b"k"] = b"1"
    assert len(refused) == 4
    db[b"k"] = b"2"
    db.close(timeout=1)
    assert db.closed


@adapters
def test_a_cursor_that_is_closed_keeps_nothing(tmp_path: Path, engine: str) -> None:
    db: Any
    with pykv.open(fill(tmp_path / "db", engine)) as db:
        cursor = db.cursor()
        assert cursor.first()
        moment = weakref.ref(cursor._moment)
        cursor.close()
        assert moment() is None
        left = db.cursor()
        assert left.first()
    with pykv.open(tmp_path / "db") as db:
        assert db.count() == len(ROWS)


@adapters
def test_a_store_that_was_left_open_is_closed_where_warnings_are_errors(
    tmp_path: Path, engine: str
) -> None:
    with warnings.catch_warnings(), suppress(ResourceWarning):
        warnings.simplefilter("error")
        unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            db = pykv.open(tmp_path / "db", engine=engine)
            del db
        finally:
            sys.unraisablehook = unraisable
    pykv.open(tmp_path / "db").close()


@adapters
def test_an_interrupt_of_an_open_stays_one(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with pykv.open(fill(tmp_path / "db", engine)) as db:
        kind = type(db)
    monkeypatch.setattr(kind, "_open_peer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pykv.open(tmp_path / "db", engine=engine)


@pytest.mark.skipif("lmdb" not in HERE, reason="needs LMDB")
def test_the_collector_may_close_an_environment_while_another_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the lock of the open that it ran in."""
    from pykv.adapters import _lmdb

    plain = _lmdb._open

    def collecting(*arguments: Any) -> Any:
        gc.collect()
        return plain(*arguments)

    for name in ("a", "b"):
        pykv.open(tmp_path / name, engine="lmdb").close()
    left: Any = pykv.open(tmp_path / "a", engine="lmdb", read_only=True)
    left._round = left
    monkeypatch.setattr(_lmdb, "_open", collecting)
    del left
    with pytest.warns(ResourceWarning, match="left open"):
        pykv.open(tmp_path / "b", engine="lmdb", read_only=True).close()
    assert not _lmdb._shared
