"""Handles to namespaces of the core."""

import gc
from pathlib import Path

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
