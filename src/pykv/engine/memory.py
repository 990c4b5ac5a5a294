"""The memory engine: an ordered store whose rows end with the process.

All rows are one immutable map, published with its sequence number as one moment. Readers and scans
take the moment they find and need no lock. A writer makes the next moment from the last one and
publishes it with one assignment: a batch that raises or is interrupted has changed nothing.

What has expired leaves with the next call, which publishes a moment without it first: so it is
absent for everybody at once. That is no write and has no sequence number.

Writers take a lock that its holder may take again, because a finalizer or a signal handler may
write in the middle of a write of the same thread. Such a write is published first, and the
interrupted one starts again from it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from pykv.arguments import BytesLike, key_range
from pykv.engine.batch import Delete, DeleteRange, Operation, Put
from pykv.engine.expiring_map import ExpiringMap
from pykv.engine.memory_reader import MemoryReader
from pykv.engine.order import OrderedStoreBase
from pykv.engine.ordered_map import OrderedMap
from pykv.engine.registry import Engine
from pykv.errors import ClosedError, Damage, ForkedError
from pykv.options import MemoryOptions
from pykv.store import Progress, Report, State

DAMAGES_MAX: Final = 64
FEATURES: Final = frozenset({"order", "batch", "cas", "consistent_scan", "snapshot", "ttl"})


class _Moment(NamedTuple):
    """The rows after the write with sequence number last_seq."""

    rows: ExpiringMap
    last_seq: int
    due_us: int = 0  # the first deadline; 0: there is none


_Edit = Callable[[ExpiringMap], tuple[ExpiringMap, int]]

_open_stores: weakref.WeakSet[Memory] = weakref.WeakSet()


class Memory(MemoryReader, OrderedStoreBase):
    """An ordered store in memory. Any thread may use it; after a fork only the parent.

    path: a label for `path` and repr; nothing is read from or written to it.
    """

    __slots__ = ("__weakref__", "_forked", "_high_us", "_lock", "_moment", "_options", "_path")

    def __init__(self, path: Path | None = None, options: MemoryOptions | None = None) -> None:
        self._path = path
        self._options = MemoryOptions() if options is None else options
        self._lock = threading.RLock()
        self._forked = False
        self._high_us = 0
        self._moment: _Moment | None = _Moment(ExpiringMap(), 0)
        _open_stores.add(self)

    @property
    def path(self) -> Path | None:
        """The path given to open, as a label."""
        return self._path

    @property
    def state(self) -> State:
        """ "open", or "closed" after close and in a forked child."""
        return "closed" if self._moment is None else "open"

    @property
    def features(self) -> frozenset[str]:
        """All but "persistence"."""
        return FEATURES

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write, 0 before the first."""
        return self._now().last_seq

    def _now(self) -> _Moment:
        moment = self._moment
        if moment is None and self._forked:
            raise ForkedError("a memory store of the parent is empty here", path=self._path)
        if moment is None:
            raise ClosedError(f"{self!r} is closed", path=self._path)
        if moment.due_us and moment.due_us <= self._now_us():
            return self._expire()
        return moment

    def _now_us(self) -> int:
        """The wall clock, which does not go back here."""
        self._high_us = max(self._high_us, time.time_ns() // 1_000)
        return self._high_us

    def _expire(self) -> _Moment:
        """Publishes the moment without what has expired, and returns it."""
        with self._lock:
            while (before := self._moment) is not None:
                rows = before.rows.without_expired(self._now_us())
                after = _Moment(rows, before.last_seq, rows.first_deadline_us())
                if self._moment is before:
                    self._moment = after
                    return after
        return self._now()

    def _rows(self) -> OrderedMap:
        return self._now().rows.rows

    def _check_open(self) -> None:
        self._now()

    def snapshot(self) -> MemorySnapshot:
        """The rows of this moment, for reads until it or the store is closed."""
        return MemorySnapshot(self, self._rows())

    def _change(self, edit: _Edit) -> _Moment:
        """Publishes edit(rows): new rows and the number of writes. Returns the moment before."""
        with self._lock:
            while True:
                before = self._now()
                rows, write_count = edit(before.rows)
                last_seq = before.last_seq + write_count
                after = _Moment(rows, last_seq, rows.first_deadline_us())
                if self._moment is before:
                    self._moment = after
                    return before

    def _expires_us(self, key: bytes) -> int | None:
        rows = self._now().rows
        return None if rows.rows.get(key) is None else rows.deadline_us(key)

    def _touch(self, key: bytes, deadline_us: int, sync: bool | None) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            value = rows.rows.get(key)
            return (rows, 0) if value is None else (rows.set(key, value, deadline_us), 1)

        return self._change(edit).rows.rows.get(key) is not None

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            write_count = 0
            for operation in operations:
                changed = _apply(rows, operation)
                write_count += changed is not rows
                rows = changed
            return rows, write_count

        self._change(edit)

    def _discard(self, key: bytes, sync: bool | None) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            changed = rows.remove(key)
            return changed, int(changed is not rows)

        return self._change(edit).rows.rows.get(key) is not None

    def _compare_and_set(
        self, key: bytes, expected: bytes | None, value: bytes | None, sync: bool | None
    ) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            if rows.rows.get(key) != expected:
                return rows, 0
            changed = rows.remove(key) if value is None else rows.set(key, value)
            return changed, int(changed is not rows)

        return self._change(edit).rows.rows.get(key) == expected

    def clear(self) -> None:
        """Removes every key in one step."""
        self._change(lambda rows: (ExpiringMap(), int(len(rows) > 0)))

    def approximate_len(self) -> int:
        """Number of keys; exact here. O(1)."""
        return len(self._rows())

    def approximate_size(
        self, start: BytesLike | None = None, stop: BytesLike | None = None
    ) -> int:
        """Bytes of keys and values in a range; exact here, it walks over them."""
        rows = self.scan(start, stop)
        return sum(len(key) + len(value) for key, value in rows)

    def sync(self) -> None:
        """Does nothing: there is no device to wait for."""
        self._now()

    def flush(self) -> None:
        """Does nothing: nothing is buffered."""
        self._now()

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Does nothing: a removed row leaves nothing behind."""
        key_range(start, stop)
        self._now()

    def stats(self) -> dict[str, Any]:
        """engine, state, durability ("none"), key_count, last_seq, path."""
        moment = self._now()
        return {
            "engine": "memory",
            "state": self.state,
            "durability": "none",
            "key_count": len(moment.rows),
            "last_seq": moment.last_seq,
            "path": None if self._path is None else str(self._path),
        }

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Checks the order and the counts of all rows."""
        rows = self._now().rows
        byte_count = done = 0
        for run in rows.rows.slices(0, len(rows)):
            byte_count += sum([len(key) + len(value) for key, value in run])
            done += len(run)
            if progress is not None:
                progress(done, len(rows))
        damages = [Damage(None, 0, fault) for fault in rows.faults()]
        return Report(
            record_count=len(rows),
            byte_count=byte_count,
            damage_count=len(damages),
            damages=tuple(damages[:DAMAGES_MAX]),
        )

    def close(self, timeout: float | None = None) -> None:
        """Forgets all rows and ends all scans. TimeoutError after timeout seconds of a write."""
        if not self._lock.acquire(timeout=-1 if timeout is None else timeout):
            raise TimeoutError("a write is still under way: call close() again")
        try:
            self._moment = None
        finally:
            self._lock.release()


class MemorySnapshot(MemoryReader):
    """A memory store at one moment. Any thread may use it; after a fork the parent only."""

    __slots__ = ("__weakref__", "_kept", "_store")

    def __init__(self, store: Memory, rows: OrderedMap) -> None:
        self._store = store
        self._kept: OrderedMap | None = rows

    @property
    def path(self) -> Path | None:
        """The path of the store."""
        return self._store.path

    @property
    def closed(self) -> bool:
        """True once it or its store is closed, and in a forked child."""
        return self._kept is None or self._store.closed

    def _rows(self) -> OrderedMap:
        rows = self._kept
        self._store._now()
        if rows is None:
            raise ClosedError(f"{self!r} is closed", path=self.path)
        return rows

    def _check_open(self) -> None:
        self._rows()

    def close(self) -> None:
        """Forgets the rows, and ends its scans; silent where that is done."""
        self._kept = None


def _apply(rows: ExpiringMap, operation: Operation) -> ExpiringMap:
    match operation:
        case Put(key, value, deadline_us):
            return rows.set(key, value, deadline_us)
        case Delete(key):
            return rows.remove(key)
        case DeleteRange(start, stop):
            return rows.remove_range(start, stop)


def _leave_in_child() -> None:
    """Ends the stores of the parent in a forked child, where their locks may be held for ever."""
    for store in list(_open_stores):
        if store._moment is not None:
            store._forked = True
            store._lock = threading.RLock()
            store._moment = None


os.register_at_fork(after_in_child=_leave_in_child)

ENGINE: Final = Engine(name="memory", options=MemoryOptions, open=Memory, needs_path=False)
