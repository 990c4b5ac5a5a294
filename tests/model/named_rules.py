"""Rules of the store machine on namespaces: made, written, dropped, and in batches across them."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from pykv.errors import ClosedError
from tests.model.expiry_steps import AT_ONCE, LATE, wait_for_expiry
from tests.model.machine import Machine
from tests.model.oracle import Oracle, Rows
from tests.model.strategies import ITEMS, KEYS, OPERATION, SYNCS, VALUES

NAMES = st.sampled_from(["a", "b", "\u00e9"])
TTLS = st.sampled_from([None, LATE, AT_ONCE])
ENDED_MAX = 4
named = precondition(lambda self: self.is_named())


class NamedRules(Machine):
    def space(self, name: str) -> Any:
        """The handle of a namespace, which is made where there is none."""
        if name not in self.spaces:
            self.spaces[name] = self.store.namespace(name, create=True)
        self.oracle.space(name)
        return self.spaces[name]

    def rows_in(self, name: str) -> Rows:
        return self.oracle.space(name).rows

    @named
    @rule(name=NAMES)
    def find_namespace(self, name: str) -> None:
        if name in self.oracle.spaces:
            assert dict(self.store.namespace(name).items()) == self.rows_in(name)
        else:
            with pytest.raises(KeyError):
                self.store.namespace(name)

    @named
    @rule(name=NAMES, items=ITEMS, ttl=TTLS, atomic=st.booleans())
    def put_named(
        self, name: str, items: list[tuple[bytes, bytes]], ttl: float | None, atomic: bool
    ) -> None:
        space = self.space(name)
        space.put_many(items, ttl=ttl, atomic=atomic)
        self.rows_in(name).update(items)
        if ttl == AT_ONCE:
            self.expire(name, [key for key, _ in items])

    def expire(self, name: str, keys: list[bytes]) -> None:
        wait_for_expiry(self.space(name), keys)
        self.oracle.space(name).delete_many(keys)

    @named
    @rule(name=NAMES, key=KEYS, ttl=TTLS)
    def touch_named(self, name: str, key: bytes, ttl: float | None) -> None:
        space, rows = self.space(name), self.rows_in(name)
        assert space.touch(key, ttl) == (key in rows)
        if ttl == AT_ONCE:
            self.expire(name, [key])
        elif key in rows:
            assert (space.expires_at(key) is None) == (ttl is None)

    @named
    @rule(name=NAMES, keys=st.lists(KEYS, max_size=20))
    def delete_named(self, name: str, keys: list[bytes]) -> None:
        self.space(name).delete_many(keys)
        self.oracle.space(name).delete_many(keys)

    @named
    @rule(name=NAMES, key=KEYS, value=VALUES)
    def setdefault_named(self, name: str, key: bytes, value: bytes) -> None:
        rows = self.rows_in(name)
        assert self.space(name).setdefault(key, value) == rows.setdefault(key, value)

    @named
    @rule(name=NAMES)
    def clear_named(self, name: str) -> None:
        self.space(name).clear()
        self.rows_in(name).clear()

    @named
    @rule(name=NAMES, sync=SYNCS)
    def drop(self, name: str, sync: bool | None) -> None:
        if name not in self.oracle.spaces:
            with pytest.raises(KeyError):
                self.store.drop_namespace(name)
            return
        handle = self.space(name)
        self.store.drop_namespace(name, sync=sync)
        del self.oracle.spaces[name], self.spaces[name]
        self.ended.append(handle)
        del self.ended[:-ENDED_MAX]

    @named
    @rule(
        operations=st.lists(st.tuples(st.none() | NAMES, OPERATION), max_size=15),
        gone=st.none() | NAMES,
        sync=SYNCS,
    )
    def batch_across(
        self,
        operations: list[tuple[str | None, tuple[str, Any, Any]]],
        gone: str | None,
        sync: bool | None,
    ) -> None:
        """Writes to all namespaces; nothing of them where one is dropped meanwhile."""
        if not self.has("order"):
            operations = [each for each in operations if each[1][0] != "delete_range"]
        names = {name for name, _ in operations if name is not None}
        for name in names:
            self.space(name)
        batch, since = self.store.batch(sync=sync), self.store.last_seq
        batch.__enter__()
        self.collect(batch, operations)
        written = {name for name, each in operations if not is_empty_range(*each)}
        if gone is not None and gone in written:
            self.drop(gone, None)
            with pytest.raises(ClosedError):
                batch.__exit__(None, None, None)
            return
        batch.__exit__(None, None, None)
        for to, (kind, key, value) in operations:
            apply(self.oracle if to is None else self.oracle.space(to), kind, key, value)
        self.check_together(since)

    def collect(
        self, batch: Any, operations: list[tuple[str | None, tuple[str, Any, Any]]]
    ) -> None:
        for name, (kind, key, value) in operations:
            space = None if name is None else self.spaces[name]
            getattr(batch, kind)(*([key] if kind == "delete" else [key, value]), namespace=space)

    @named
    @rule(key=KEYS)
    def what_ended_stays_so(self, key: bytes) -> None:
        for handle in self.ended:
            with pytest.raises(ClosedError):
                handle.get(key)
            with pytest.raises(ClosedError):
                handle.put(key, b"")

    @invariant()
    def rows_of_namespaces_agree(self) -> None:
        if self.is_named():
            assert self.store.namespaces() == sorted(self.oracle.spaces, key=str.encode)
            for name, rows in self.oracle.spaces.items():
                assert dict(self.space(name).items()) == rows


def is_empty_range(kind: str, start: Any, stop: Any) -> bool:
    """Whether it deletes a range that has no key: a batch does not keep it."""
    return kind == "delete_range" and stop is not None and (start or b"") >= stop


def apply(to: Oracle, kind: str, key: Any, value: Any) -> None:
    """What an operation of a batch does."""
    match kind:
        case "delete_range":
            to.delete_range(key, value)
        case "delete":
            to.rows.pop(key, None)
        case _:
            to.rows[key] = value
