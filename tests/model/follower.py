"""A follower of a store's change feed: what the changes lead to."""

import time
from typing import Any

import pykv
from tests.model.oracle import Oracle


class Follower:
    """The rows of all namespaces, from the changes of a store that keeps all of them."""

    def __init__(self) -> None:
        self.seq = 0
        self.told: list[pykv.Change] = []
        self.names: dict[int, str] = {}
        self.spaces: dict[int | None, Oracle] = {None: Oracle()}

    def follow(self, db: Any) -> None:
        """Takes what was written since the last time. Nothing where db has no feed."""
        if "changes" not in db.features:
            return
        for change in db.changes(self.seq, unsynced=True):
            assert change.seq > self.seq
            self.seq = change.seq
            if self.told and not self.told[-1].last:
                assert (change.epoch, change.seq) == (self.told[-1].epoch, self.told[-1].seq + 1)
            self.told.append(change)
            self.apply(db, change)
        assert self.seq == db.last_seq
        assert not self.told or self.told[-1].last

    def apply(self, db: Any, change: pykv.Change) -> None:
        if change.kind == "namespace":
            assert change.namespace is not None
            self.names[change.namespace] = change.key.decode()
            self.spaces[change.namespace] = Oracle()
            return
        # The delete of its keys comes behind a drop.
        space = self.spaces.get(change.namespace, Oracle())
        match change.kind:
            case "put" if change.expires_at is not None and change.expires_at <= time.time():
                space.rows.pop(change.key, None)
            case "put":
                assert change.value is not None
                space.rows[change.key] = change.value
            case "delete":
                space.rows.pop(change.key, None)
            case "delete_range":
                space.delete_range(change.key, change.value)
            case "clear":
                space.rows.clear()
            case "drop_namespace":
                assert change.namespace is not None
                assert self.names.pop(change.namespace) == change.key.decode()
                del self.spaces[change.namespace]
            case "ingest":
                self.read(db, change, space)

    def read(self, db: Any, change: pykv.Change, space: Oracle) -> None:
        """Reads what an ingest brought, or what was written over it since."""
        assert change.value is not None
        behind = change.value + b"\0"
        space.delete_range(change.key, behind)
        store = db
        if change.namespace is not None:
            if self.names[change.namespace] not in db.namespaces():
                return  # Its drop comes behind.
            store = db.namespace(self.names[change.namespace])
        space.rows.update(store.scan(change.key, behind))

    def check(self, db: Any) -> None:
        """The rows are those of db."""
        if "changes" not in db.features:
            return
        assert self.spaces[None].scan() == sorted(db.items())
        if "namespaces" not in db.features:
            assert not self.names
            return
        assert sorted(self.names.values(), key=str.encode) == db.namespaces()
        for number, name in self.names.items():
            assert db.namespace(name).id == number
            assert self.spaces[number].scan() == sorted(db.namespace(name).items())
