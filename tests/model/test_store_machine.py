"""Random histories on every store of the contract suite agree with a dict.

The number of examples is that of the Hypothesis profile: `--hypothesis-profile full` runs many.
A failure prints the shortest history that shows it and a blob to repeat it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pykv.errors import ClosedError
from tests.contract.conftest import NAMED_SUBJECTS, SUBJECTS, Subject
from tests.model.condition_rules import ConditionRules
from tests.model.follower_rules import FollowerRules
from tests.model.machine import Machine
from tests.model.named_rules import NamedRules, apply
from tests.model.oracle import Move, Oracle, Rows, walked
from tests.model.strategies import BOUNDS, ITEMS, KEYS, MOVES, OPERATION, SYNCS, VALUES


class StopHereError(Exception):
    pass


def breaking_off(items: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    yield from items
    raise StopHereError


VIEWS_MAX = 6

# Values of the LSM in segments of their own, and flushes and compactions that few writes bring.
VALUE_LOG = {
    "value_log_bytes_min": 64,
    "memtable_bytes": 65_536,
    "table_bytes": 65_536,
    "space_amplification_max": 1.1,
}
LSM = next(each for each in SUBJECTS if each.name == "lsm")
VARIANTS = [Subject("lsm-value-log", partial(LSM.open, **VALUE_LOG), LSM.features)]


@dataclass(frozen=True)
class OpenScan:
    """A scan begun on store, the rows it has given, and all those it must give."""

    store: Any
    scan: Iterator[tuple[bytes, bytes]]
    seen: Rows
    expected: Rows


@dataclass(frozen=True)
class OpenSnapshot:
    """A snapshot of store, and its rows."""

    store: Any
    snapshot: Any
    expected: Oracle


class StoreMachine(NamedRules, FollowerRules, ConditionRules, Machine):
    """A store of one subject beside its oracle, with scans and snapshots left open on the way."""

    scans = Bundle("scans")
    snapshots = Bundle("snapshots")

    def __init__(self) -> None:
        super().__init__()
        self.views: list[tuple[memoryview, bytes]] = []
        self.is_copied = False

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

    def flip(self, key: bytes) -> None:
        """Deletes a key that is there, and puts one that is not."""
        if self.oracle.rows.pop(key, None) is None:
            self.oracle.rows[key] = key
            self.store.put(key, key)
        else:
            self.store.delete(key)

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

    @rule(keys=st.lists(KEYS, max_size=20))
    def delete_arrays(self, keys: list[bytes]) -> None:
        ends = np.cumsum([0, *map(len, keys)], dtype=np.int64)
        self.store.delete_arrays((np.frombuffer(b"".join(keys), np.uint8), ends))
        self.oracle.delete_many(keys)

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
        since = self.store.last_seq
        self.store.put_many(items, atomic=atomic)
        self.oracle.rows.update(items)
        self.check_together(since)

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
        self, operations: list[tuple[str, Any, Any]], discarded: bool, sync: bool | None
    ) -> None:
        if not self.has("order"):
            operations = [each for each in operations if each[0] != "delete_range"]
        since = self.store.last_seq
        try:
            with self.store.batch(sync=sync) as batch:
                for kind, key, value in operations:
                    getattr(batch, kind)(*([key] if kind == "delete" else [key, value]))
                assert len(batch) == len(operations)
                if discarded:
                    raise StopHereError
        except StopHereError:
            return
        for kind, key, value in operations:
            apply(self.oracle, kind, key, value)
        self.check_together(since)

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

    @precondition(lambda self: self.has("order") and self.has("consistent_scan"))
    @rule(moves=st.lists(st.sampled_from(MOVES), max_size=10), start=BOUNDS, key=KEYS)
    def cursor(self, moves: list[Move], start: bytes | None, key: bytes) -> None:
        """A cursor goes on over its moment behind a write."""
        expected, half = self.oracle.cursor(start), len(moves) // 2
        with self.store.cursor(start) as cursor:
            assert walked(cursor, moves[:half]) == walked(expected, moves[:half])
            self.flip(key)
            assert walked(cursor, moves[half:]) == walked(expected, moves[half:])

    @precondition(lambda self: self.has("snapshot"))
    @rule(target=snapshots)
    def begin_snapshot(self) -> OpenSnapshot:
        return OpenSnapshot(self.store, self.store.snapshot(), Oracle(dict(self.oracle.rows)))

    @rule(opened=snapshots, key=KEYS, start=BOUNDS, stop=BOUNDS)
    def read_snapshot(
        self, opened: OpenSnapshot, key: bytes, start: bytes | None, stop: bytes | None
    ) -> None:
        snapshot, expected = opened.snapshot, opened.expected
        if opened.store is not self.store:
            with pytest.raises(ClosedError):
                snapshot.get(key)
            return
        assert snapshot.get(key) == expected.rows.get(key)
        assert dict(snapshot.items()) == expected.rows
        if self.has("order"):
            assert list(snapshot.scan(start, stop)) == expected.scan(start, stop)
            assert snapshot.floor(key) == expected.floor(key)

    @rule(opened=consumes(snapshots))
    def end_snapshot(self, opened: OpenSnapshot) -> None:
        opened.snapshot.close()

    @precondition(lambda self: self.has("changes") and not self.is_copied)
    @rule()
    def checkpoint(self) -> None:
        """Of a store of the core, once in a history: it takes as long as many rules."""
        self.is_copied = True
        path = Path(self.folder.name) / "copy"
        self.store.checkpoint(path)
        with self.subject.open(path) as copy:
            assert dict(copy.items()) == self.oracle.rows

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
        self.open_again()
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


@pytest.mark.parametrize(
    "subject", SUBJECTS + VARIANTS + NAMED_SUBJECTS, ids=lambda subject: subject.name
)
def test_random_histories_agree_with_the_oracle(subject: Subject) -> None:
    class MachineOfSubject(StoreMachine):
        pass

    MachineOfSubject.subject = subject
    run_state_machine_as_test(MachineOfSubject, settings=settings())
