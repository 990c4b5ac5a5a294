"""Random histories on every store of the contract suite agree with a dict.

The number of examples is that of the Hypothesis profile: `--hypothesis-profile full` runs many.
A failure prints the shortest history that shows it and a blob to repeat it.
"""

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pykv.errors import ClosedError
from tests.contract.conftest import NAMED_SUBJECTS, ROOTS, SUBJECTS, Subject
from tests.model.oracle import Oracle, Rows

# Few and short keys, so that rules meet again; some that sort next to each other or at an end.
KEYS = st.one_of(
    st.binary(max_size=1),
    st.sampled_from([b"a", b"a\0", b"ab", b"a\xff", b"b", b"\xff", b"\xff\xff", b"k" * 300]),
    st.integers(0, 40).map(lambda number: b"%03d" % number),
)
VALUES = st.one_of(st.binary(max_size=3), st.sampled_from([b"", b"v" * 5_000]))
BOUNDS = st.one_of(st.none(), KEYS)
ITEMS = st.lists(st.tuples(KEYS, VALUES), max_size=20)
OPERATION = st.one_of(st.tuples(KEYS, VALUES), st.tuples(KEYS, st.none()))
SYNCS = st.sampled_from([None, None, False, True])


class StopHereError(Exception):
    pass


def breaking_off(items: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    yield from items
    raise StopHereError


VIEWS_MAX = 6


@dataclass(frozen=True)
class OpenScan:
    """A scan begun on store, the rows it has given, and all those it must give."""

    store: Any
    scan: Iterator[tuple[bytes, bytes]]
    seen: Rows
    expected: Rows


class StoreMachine(RuleBasedStateMachine):
    """A store of one subject beside its oracle, with scans and batches left open on the way."""

    scans = Bundle("scans")
    subject: Subject

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="pykv-model-")
        self.oracle = Oracle()
        self.views: list[tuple[memoryview, bytes]] = []
        self.store: Any = self.opened()

    def opened(self) -> Any:
        return self.subject.open(Path(self.folder.name) / "db", durability="os")

    def teardown(self) -> None:
        self.store.close()
        root = ROOTS.pop(id(self.store), None)
        if root is not None:
            root.close()
        self.folder.cleanup()

    def has(self, feature: str) -> bool:
        return feature in self.subject.features

    @rule(key=KEYS, value=VALUES, sync=SYNCS)
    def put(self, key: bytes, value: bytes, sync: bool | None) -> None:
        self.store.put(key, value, sync=sync)
        self.oracle.rows[key] = value

    @precondition(lambda self: self.has("ttl"))
    @rule(items=ITEMS, passes=st.booleans(), atomic=st.booleans())
    def put_expiring(self, items: list[tuple[bytes, bytes]], passes: bool, atomic: bool) -> None:
        self.store.put_many(items, ttl=1e-6 if passes else 3600, atomic=atomic)
        for key, value in items:
            while passes and key in self.store:
                pass  # A microsecond may not have passed.
            if passes:
                self.oracle.rows.pop(key, None)
            else:
                self.oracle.rows[key] = value

    @precondition(lambda self: self.has("ttl"))
    @rule(key=KEYS, ttl=st.sampled_from([None, 3600, 1e-6]))
    def touch(self, key: bytes, ttl: float | None) -> None:
        assert self.store.touch(key, ttl) == (key in self.oracle.rows)
        while ttl == 1e-6 and key in self.store:
            pass
        if ttl == 1e-6:
            self.oracle.rows.pop(key, None)
        elif key in self.oracle.rows:
            assert (self.store.expires_at(key) is None) == (ttl is None)

    @rule(key=KEYS, sync=SYNCS)
    def delete(self, key: bytes, sync: bool | None) -> None:
        self.store.delete(key, sync=sync)
        self.oracle.rows.pop(key, None)

    @rule(key=KEYS)
    def delete_item(self, key: bytes) -> None:
        if key in self.oracle.rows:
            del self.store[key]
            del self.oracle.rows[key]
        else:
            with pytest.raises(KeyError):
                del self.store[key]

    @rule(key=KEYS)
    def read(self, key: bytes) -> None:
        expected = self.oracle.rows.get(key)
        assert self.store.get(key) == expected
        assert (key in self.store) == (expected is not None)
        if self.has("ttl") and expected is None:
            with pytest.raises(KeyError):
                self.store.expires_at(key)

    @rule(key=KEYS)
    def view(self, key: bytes) -> None:
        shown, expected = self.store.get_view(key), self.oracle.rows.get(key)
        assert (shown is None) == (expected is None)
        if shown is not None and expected is not None:
            self.views.append((shown, expected))
            del self.views[:-VIEWS_MAX]

    @rule(keys=st.lists(KEYS, max_size=20))
    def read_many(self, keys: list[bytes]) -> None:
        assert self.store.get_many(keys) == [self.oracle.rows.get(key) for key in keys]

    @rule(keys=st.lists(KEYS, max_size=20))
    def read_arrays(self, keys: list[bytes]) -> None:
        ends = np.cumsum([0, *map(len, keys)], dtype=np.int64)
        rows = self.store.get_arrays((np.frombuffer(b"".join(keys), np.uint8), ends))
        assert rows.to_list() == [self.oracle.rows.get(key) for key in keys]

    @rule(keys=st.lists(KEYS, max_size=20), value=VALUES)
    def write_arrays(self, keys: list[bytes], value: bytes) -> None:
        ends = np.cumsum([0, *map(len, keys)], dtype=np.int64)
        values = np.tile(np.frombuffer(value, np.uint8), (len(keys), 1))
        self.store.put_arrays((np.frombuffer(b"".join(keys), np.uint8), ends), values)
        self.oracle.rows.update(dict.fromkeys(keys, value))

    @rule(key=KEYS)
    def pop(self, key: bytes) -> None:
        assert self.store.pop(key, None) == self.oracle.rows.pop(key, None)

    @rule(key=KEYS, value=VALUES)
    def setdefault(self, key: bytes, value: bytes) -> None:
        assert self.store.setdefault(key, value) == self.oracle.rows.setdefault(key, value)

    @rule(data=st.data(), key=KEYS, value=st.one_of(st.none(), VALUES))
    def compare_and_set(self, data: st.DataObject, key: bytes, value: bytes | None) -> None:
        now = self.oracle.rows.get(key)
        expected = data.draw(st.one_of(st.just(now), st.none(), VALUES), label="expected")
        assert self.store.compare_and_set(key, expected, value) == self.oracle.compare_and_set(
            key, expected, value
        )

    @rule(items=ITEMS, atomic=st.booleans())
    def put_many(self, items: list[tuple[bytes, bytes]], atomic: bool) -> None:
        self.store.put_many(items, atomic=atomic)
        self.oracle.rows.update(items)

    @rule(items=ITEMS, atomic=st.booleans())
    def put_many_broken_off(self, items: list[tuple[bytes, bytes]], atomic: bool) -> None:
        # The items are fewer than a chunk, so none of them stays.
        with pytest.raises(StopHereError):
            self.store.put_many(breaking_off(items), atomic=atomic)

    @rule(keys=st.lists(KEYS, max_size=20))
    def delete_many(self, keys: list[bytes]) -> None:
        self.store.delete_many(keys)
        self.oracle.delete_many(keys)

    @rule(operations=st.lists(OPERATION, max_size=15), discarded=st.booleans(), sync=SYNCS)
    def batch(
        self,
        operations: list[tuple[bytes, bytes | None]],
        discarded: bool,
        sync: bool | None,
    ) -> None:
        try:
            with self.store.batch(sync=sync) as batch:
                for key, value in operations:
                    if value is None:
                        batch.delete(key)
                    else:
                        batch.put(key, value)
                assert len(batch) == len(operations)
                if discarded:
                    raise StopHereError
        except StopHereError:
            return
        for key, value in operations:
            self.oracle.compare_and_set(key, self.oracle.rows.get(key), value)

    @rule()
    def clear(self) -> None:
        self.store.clear()
        self.oracle.rows.clear()

    @precondition(lambda self: self.has("order"))
    @rule(start=BOUNDS, stop=BOUNDS)
    def delete_range(self, start: bytes | None, stop: bytes | None) -> None:
        self.store.delete_range(start, stop)
        self.oracle.delete_range(start, stop)

    @precondition(lambda self: self.has("order"))
    @rule(
        start=BOUNDS,
        stop=BOUNDS,
        prefix=st.one_of(st.none(), st.binary(max_size=2)),
        reverse=st.booleans(),
        limit=st.one_of(st.none(), st.integers(0, 10)),
    )
    def scan_range(
        self,
        start: bytes | None,
        stop: bytes | None,
        prefix: bytes | None,
        reverse: bool,
        limit: int | None,
    ) -> None:
        shown = self.store.scan(start, stop, prefix=prefix, reverse=reverse, limit=limit)
        assert list(shown) == self.oracle.scan(start, stop, prefix, reverse, limit)
        counted = self.store.count(start, stop, prefix=prefix)
        assert counted == len(self.oracle.scan(start, stop, prefix))

    @precondition(lambda self: self.has("order"))
    @rule(key=KEYS)
    def neighbours(self, key: bytes) -> None:
        rows = self.oracle.scan()
        assert self.store.first() == (rows[0] if rows else None)
        assert self.store.last() == (rows[-1] if rows else None)
        assert self.store.floor(key) == self.oracle.floor(key)
        assert self.store.ceiling(key) == self.oracle.ceiling(key)

    @precondition(lambda self: self.has("consistent_scan"))
    @rule(target=scans, taken=st.integers(0, 5))
    def begin_scan(self, taken: int) -> OpenScan:
        scan = self.store.scan()
        seen = dict(itertools.islice(scan, taken))
        return OpenScan(self.store, scan, seen, dict(self.oracle.rows))

    @rule(opened=consumes(scans), finished=st.booleans())
    def end_scan(self, opened: OpenScan, finished: bool) -> None:
        if not finished:
            return
        if opened.store is self.store:
            assert {**opened.seen, **dict(opened.scan)} == opened.expected
        elif len(opened.seen) < len(opened.expected):
            with pytest.raises(ClosedError):
                next(opened.scan)

    @rule()
    def tidy(self) -> None:
        self.store.flush()
        self.store.compact()
        self.store.sync()

    @rule()
    def verify(self) -> None:
        report = self.store.verify()
        assert report.ok, report.damages

    @precondition(lambda self: self.has("persistence"))
    @rule()
    def reopen(self) -> None:
        last = self.store.last_seq
        self.store.close()
        self.store = self.opened()
        assert self.store.last_seq >= last

    @invariant()
    def views_show_what_they_showed(self) -> None:
        """Through overwrites, merges, compactions and closes."""
        for shown, expected in self.views:
            assert shown == expected

    @invariant()
    def rows_agree(self) -> None:
        rows = list(self.store.items())
        # A Bitcask counts what has expired until it is merged away.
        expired = len(self.store) - len(rows)
        assert expired == 0 or (expired > 0 and self.subject.name.startswith("bitcask"))
        assert dict(rows) == self.oracle.rows
        if self.has("order"):
            assert rows == self.oracle.scan()


@pytest.mark.parametrize("subject", SUBJECTS + NAMED_SUBJECTS, ids=lambda subject: subject.name)
def test_random_histories_agree_with_the_oracle(subject: Subject) -> None:
    class Machine(StoreMachine):
        pass

    Machine.subject = subject
    run_state_machine_as_test(Machine, settings=settings())
