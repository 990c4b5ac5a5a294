"""What a memory store, each of its namespaces and a snapshot have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pykv.arguments import BytesLike, key_range, name_bytes
from pykv.engine.batch import Operation
from pykv.engine.expiring_map import ExpiringMap
from pykv.engine.expiry import DeadlineReader
from pykv.engine.memory_moment import Moment, applied, with_name, without_name
from pykv.engine.memory_reader import MemoryReader
from pykv.engine.namespaces import no_such_namespace, not_of_this_store
from pykv.engine.order import OrderedStoreBase
from pykv.engine.ordered_map import OrderedMap
from pykv.errors import ClosedError, Damage
from pykv.options import MemoryOptions
from pykv.store import Progress, Report

if TYPE_CHECKING:
    from pykv.engine.memory import Memory, MemoryNamespace

DAMAGES_MAX: Final = 64
FEATURES: Final = frozenset(
    {
        "order",
        "batch",
        "cas",
        "consistent_scan",
        "estimates",
        "long_keys",
        "snapshot",
        "ttl",
        "namespaces",
    }
)

_Edit = Callable[[ExpiringMap], tuple[ExpiringMap, int]]


class MemorySpace(MemoryReader, OrderedStoreBase):
    """The rows of a namespace, or of the default one."""

    __slots__ = ()

    _options: MemoryOptions

    @property
    @abstractmethod
    def _root(self) -> Memory:
        """The store."""

    @property
    @abstractmethod
    def _space(self) -> int:
        """The id of the namespace."""

    @abstractmethod
    def _find(self, moment: Moment) -> ExpiringMap:
        """The rows in a moment. ClosedError."""

    @property
    def path(self) -> Path | None:
        """The path given to open, as a label."""
        return self._root._path

    @property
    def features(self) -> frozenset[str]:
        """All but "persistence"."""
        return FEATURES

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write, 0 before the first."""
        return self._now().last_seq

    def _now(self) -> Moment:
        moment = self._root._moment_now()
        self._find(moment)
        return moment

    def _now_us(self) -> int:
        """The wall clock, which does not go back here."""
        return self._root._clock_us()

    def _rows(self) -> OrderedMap:
        return self._find(self._root._moment_now()).rows

    def _check_open(self) -> None:
        self._now()

    def snapshot(self) -> MemorySnapshot:
        """The rows of this moment, for reads until it or the store is closed."""
        moment = self._root._moment_now()
        return MemorySnapshot(self, self._find(moment), moment.last_seq)

    def _change(self, edit: _Edit) -> ExpiringMap:
        """Publishes edit(rows): new rows and the number of writes. Returns the rows before."""

        def edit_moment(before: Moment) -> tuple[Moment, int]:
            rows, write_count = edit(self._find(before))
            return before.with_rows(self._space, rows), write_count

        return self._find(self._root._publish(edit_moment))

    # ---- namespaces ----

    def namespace(self, name: str, *, create: bool = False) -> MemoryNamespace:
        """A handle to the keys of a namespace. KeyError where there is none, unless create."""
        name_bytes(name)
        self._check_open()
        if create:
            self._root._publish(lambda before: with_name(before, name))
        space = self._root._moment_now().names.get(name)
        if space is None:
            raise no_such_namespace(name)
        return self._root._handle_of(name, space)

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in the order of their bytes; not that of the default one."""
        return sorted(self._now().names, key=str.encode)

    def drop_namespace(self, name: str, *, sync: bool | None = None) -> None:
        """Removes a namespace with all its keys in one step. KeyError where there is none."""
        name_bytes(name)
        self._check_open()
        self._root._publish(lambda before: without_name(before, name))

    def _within(self, namespace: object) -> object:
        if namespace is None:
            return None
        if not isinstance(namespace, MemorySpace) or namespace._root is not self._root:
            raise not_of_this_store(namespace)
        return namespace

    # ---- reading and writing ----

    def _expires_us(self, key: bytes) -> int | None:
        rows = self._find(self._root._moment_now())
        return None if rows.rows.get(key) is None else rows.deadline_us(key)

    def _touch(self, key: bytes, deadline_us: int, sync: bool | None) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            value = rows.rows.get(key)
            return (rows, 0) if value is None else (rows.set(key, value, deadline_us), 1)

        return self._change(edit).rows.get(key) is not None

    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        def edit(moment: Moment) -> tuple[Moment, int]:
            write_count = 0
            self._find(moment)
            for operation in operations:
                within = operation.within
                at = within if isinstance(within, MemorySpace) else self
                rows = at._find(moment)
                changed = applied(rows, operation)
                if changed is not rows:
                    write_count += 1
                    moment = moment.with_rows(at._space, changed)
            return moment, write_count

        self._root._publish(edit)

    def _discard(self, key: bytes, sync: bool | None) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            changed = rows.remove(key)
            return changed, int(changed is not rows)

        return self._change(edit).rows.get(key) is not None

    def _compare_and_set(
        self,
        key: bytes,
        expected: bytes | None,
        value: bytes | None,
        deadline_us: int,
        sync: bool | None,
    ) -> bool:
        def edit(rows: ExpiringMap) -> tuple[ExpiringMap, int]:
            if rows.rows.get(key) != expected:
                return rows, 0
            changed = rows.remove(key) if value is None else rows.set(key, value, deadline_us)
            return changed, int(changed is not rows)

        return self._change(edit).rows.get(key) == expected

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
            "key_count": len(self._find(moment)),
            "last_seq": moment.last_seq,
            "path": None if self.path is None else str(self.path),
        }

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Checks the order and the counts of all rows of the namespace."""
        rows = self._find(self._root._moment_now())
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


class MemorySnapshot(MemoryReader, DeadlineReader):
    """A memory store at one moment. Any thread may use it; after a fork the parent only."""

    __slots__ = ("__weakref__", "_kept", "_last_seq", "_store")

    def __init__(self, store: MemorySpace, rows: ExpiringMap, last_seq: int) -> None:
        self._store = store
        self._kept: ExpiringMap | None = rows
        self._last_seq = last_seq

    @property
    def path(self) -> Path | None:
        """The path of the store."""
        return self._store.path

    @property
    def closed(self) -> bool:
        """True once it or its store is closed, and in a forked child."""
        return self._kept is None or self._store.closed

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write that it shows."""
        self._check_open()
        return self._last_seq

    def _now(self) -> ExpiringMap:
        kept = self._kept
        self._store._now()
        if kept is None:
            raise ClosedError(f"{self!r} is closed", path=self.path)
        return kept

    def _rows(self) -> OrderedMap:
        return self._now().rows

    def _expires_us(self, key: bytes) -> int | None:
        kept = self._now()
        return None if kept.rows.get(key) is None else kept.deadline_us(key)

    def _check_open(self) -> None:
        self._now()

    def _check_scans(self) -> None:
        self._store._check_open()

    def close(self) -> None:
        """Forgets the rows; silent where that is done. Scans that were opened go on."""
        self._kept = None
