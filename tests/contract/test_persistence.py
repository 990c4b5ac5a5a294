"""Stores whose rows outlive the process: reopening, and the options that say what must be there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pykv.errors import LockedError, ReadOnlyError
from tests.contract.conftest import Subject

pytestmark = pytest.mark.needs("persistence")

WRITES: dict[str, Callable[[Any], object]] = {
    "put": lambda db: db.put(b"k", b"w"),
    "setitem": lambda db: db.__setitem__(b"k", b"w"),
    "put_many": lambda db: db.put_many([(b"k", b"w")]),
    "atomic put_many": lambda db: db.put_many([(b"k", b"w")], atomic=True),
    "delete": lambda db: db.delete(b"k"),
    "delitem": lambda db: db.__delitem__(b"k"),
    "delete_many": lambda db: db.delete_many([b"k"]),
    "pop": lambda db: db.pop(b"k"),
    "setdefault": lambda db: db.setdefault(b"new", b"w"),
    "update": lambda db: db.update({b"k": b"w"}),
    "clear": lambda db: db.clear(),
    "put_if_absent": lambda db: db.put_if_absent(b"new", b"w"),
    "compare_and_set": lambda db: db.compare_and_set(b"k", b"v", b"w"),
}


def test_rows_and_sequence_come_back(subject: Subject, tmp_path: Path) -> None:
    rows = {b"%04d" % number: b"v%d" % number for number in range(2_500)} | {b"": b""}
    with subject.open(tmp_path / "db") as db:
        db.update(rows)
        db.delete_many(list(rows)[::2])
        last = db.last_seq
    for _ in range(2):
        with subject.open(tmp_path / "db") as db:
            assert dict(db.items()) == dict(list(rows.items())[1::2])
            assert len(db) == len(rows) // 2
            assert db.last_seq >= last
            assert db.verify().ok


def test_a_deleted_row_stays_deleted(subject: Subject, tmp_path: Path) -> None:
    for number in range(4):
        with subject.open(tmp_path / "db") as db:
            assert list(db) == []
            db[b"k"] = b"%d" % number
            db.compact()
        with subject.open(tmp_path / "db") as db:
            assert db.pop(b"k") == b"%d" % number
            db.compact()


def test_open_makes_the_directory_and_its_parents(subject: Subject, tmp_path: Path) -> None:
    place = tmp_path / "a" / "b" / "c"
    with subject.open(place) as db:
        assert place.is_dir()
        assert db.path == place


def test_a_path_may_hold_any_characters(subject: Subject, tmp_path: Path) -> None:
    place = tmp_path / "d\u00e9j\u00e0 vu \u6570\u636e"
    with subject.open(place) as db:
        db[b"k"] = b"v"
    with subject.open(place) as db:
        assert db[b"k"] == b"v"


def test_a_path_that_is_a_file_is_not_a_directory(subject: Subject, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        for options in ({}, {"read_only": True}, {"create": False}):
            with pytest.raises(NotADirectoryError):
                subject.open(place, **options)
    assert (tmp_path / "file").read_text() == "x"


def test_without_create_a_missing_database_is_an_error(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        subject.open(tmp_path / "absent", create=False)
    assert not (tmp_path / "absent").exists()
    subject.open(tmp_path / "db").close()
    subject.open(tmp_path / "db", create=False).close()


def test_error_if_exists_refuses_a_database(subject: Subject, tmp_path: Path) -> None:
    subject.open(tmp_path / "db", error_if_exists=True).close()
    with pytest.raises(FileExistsError):
        subject.open(tmp_path / "db", error_if_exists=True)
    subject.open(tmp_path / "db").close()


def test_opening_twice_is_a_locked_error(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db") as db:
        with pytest.raises(LockedError, match="Close the other one first") as caught:
            subject.open(tmp_path / "db")
        assert caught.value.path == tmp_path / "db"
        db[b"k"] = b"v"
    with subject.open(tmp_path / "db") as db:
        assert db[b"k"] == b"v"


def test_read_only_wants_a_database(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        subject.open(tmp_path / "absent", read_only=True)
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize("call", WRITES)
def test_read_only_refuses_writes(subject: Subject, tmp_path: Path, call: str) -> None:
    with subject.open(tmp_path / "db") as db:
        db[b"k"] = b"v"
    with subject.open(tmp_path / "db", read_only=True) as db:
        assert db.state == "read-only"
        with pytest.raises(ReadOnlyError, match="read_only=True"):
            WRITES[call](db)
        with pytest.raises(ReadOnlyError), db.batch() as batch:
            batch.put(b"k", b"w")
        assert dict(db.items()) == {b"k": b"v"}


@pytest.mark.needs("readers")
def test_readers_may_be_many_and_beside_a_writer(subject: Subject, tmp_path: Path) -> None:
    with subject.open(tmp_path / "db") as db:
        db[b"k"] = b"v"
    with subject.open(tmp_path / "db") as writer:
        readers = [subject.open(tmp_path / "db", read_only=True) for _ in range(3)]
        writer[b"k"] = b"w"
        for reader in readers:
            assert reader[b"k"] == b"v"
            reader.close()
