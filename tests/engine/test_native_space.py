"""Namespaces of stores of the core: what both engines have alike."""

from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.native_space import NativeNamespace, NativeSpace


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_a_namespace_knows_its_name_and_its_number(tmp_path: Path, engine: str) -> None:
    with pykv.open(tmp_path / "db", engine=engine) as db:
        users: Any = db.namespace("users", create=True)
        items: Any = db.namespace("items", create=True)
        kinds = [isinstance(each, NativeNamespace) for each in (db, users, items)]
        assert kinds == [False, True, True]
        assert all(isinstance(each, NativeSpace) for each in (db, users, items))
        assert (users.name, users.id, items.name, items.id) == ("users", 1, "items", 2)
        assert repr(users).startswith(f"<pykv.{type(users).__name__} 'users' of ")
        assert users.namespaces() == ["items", "users"]
        users.drop_namespace("items")
        assert db.namespaces() == ["users"]


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_the_feed_is_that_of_the_store(tmp_path: Path, engine: str) -> None:
    with pykv.open(tmp_path / "db", engine=engine) as db:
        users = db.namespace("users", create=True)
        assert "changes" in db.features - users.features
        with pytest.raises(pykv.NotSupportedError, match="ask the store"):
            users.changes()


def test_a_bitcask_gives_the_space_of_a_dropped_namespace_back(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "db", engine="bitcask", segment_bytes=1 << 20) as db:
        users = db.namespace("users", create=True)
        users.put_many((b"%08d" % i, b"value" * 20) for i in range(20_000))
        db[b"a"] = b"1"
        full = db.stats()["disk_bytes"]
        assert users.approximate_size() > full * 0.9
        assert db.approximate_size() < 1000
        db.drop_namespace("users")
        db.compact()
        assert db.stats()["disk_bytes"] < full / 10
        assert db.verify().ok
    with pykv.open(tmp_path / "db", read_only=True) as db:
        assert (db.namespaces(), list(db)) == ([], [b"a"])
