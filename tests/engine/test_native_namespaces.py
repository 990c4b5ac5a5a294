"""Handles to namespaces of the core."""

import gc
import shutil
from pathlib import Path
from typing import Any

import pytest

import pykv


def test_a_handle_keeps_its_store_in_memory_but_not_open(tmp_path: Path) -> None:
    db = pykv.open(tmp_path / "db", engine="lsm")
    users = db.namespace("users", create=True)
    users[b"a"] = b"1"
    db.close()
    del db
    gc.collect()
    assert users.closed
    with pytest.raises(pykv.ClosedError):
        users.get(b"a")


def test_many_handles_come_and_go(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db", engine="lsm") as db:
        for i in range(50):
            name = f"n{i % 5}"
            handle = db.namespace(name, create=True)
            handle[b"%d" % i] = b"v"
            if i % 7 == 6:
                db.drop_namespace(name)
        del handle
        gc.collect()
        assert sorted(db.namespaces()) == db.namespaces()
        assert all(len(db.namespace(name)) for name in db.namespaces())


def test_a_drop_gives_the_space_back(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db", engine="lsm", memtable_bytes=1 << 20) as db:
        users = db.namespace("users", create=True)
        users.put_many((b"%08d" % i, b"value" * 20) for i in range(20_000))
        db.flush()
        full = users.approximate_size()
        assert full > 50_000
        assert db.approximate_size() < full / 4
        db.drop_namespace("users")
        db.compact()
        assert db.stats()["disk_bytes"] < full


def test_a_namespace_whose_name_is_lost_has_another_one_after_a_repair(tmp_path: Path) -> None:
    place = tmp_path / "copy"
    with pykv.open(tmp_path / "db", engine="lsm", background_threads=0) as db:
        for name in ("items", "users"):
            db.namespace(name, create=True).update({b"a": name.encode(), b"b": b"2"})
        db.sync()
        shutil.copytree(tmp_path / "db", place)
    (log,) = (each for each in place.glob("*.log") if b"\xff\x02users" in each.read_bytes())
    log.write_bytes(log.read_bytes().replace(b"\xff\x02users", b"\xff\x02Users", 1))
    report = pykv.repair(place)
    assert any("namespace 2 is lost: it is recovered-2 now" in each.text for each in report.damages)
    with pykv.open(place) as db:
        assert db.namespaces() == ["items", "recovered-2"]
        assert dict(db.namespace("recovered-2").items()) == {b"a": b"users", b"b": b"2"}
        users: Any = db.namespace("users", create=True)
        assert users.id == 3
        assert db.verify().ok


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_a_reader_makes_no_namespace_and_says_so(tmp_path: Path, engine: str) -> None:
    pykv.open(tmp_path / "db", engine=engine).close()
    with pykv.open(tmp_path / "db", read_only=True) as db:
        with pytest.raises(pykv.ReadOnlyError, match="'users', and a read-only store makes none"):
            db.namespace("users", create=True)
        with pytest.raises(KeyError, match="create=True"):
            db.namespace("users")
