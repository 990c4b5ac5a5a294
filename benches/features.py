"""What the services of a store cost, beside pykv itself without them: rows of Section.FEATURES.

Both sides of a row are measured in one process, taking turns on small pieces of the work, so that
what drifts drifts for both. Checkpoints of much more than here: `make bench-scale`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benches.checkpoints import link_all
from benches.floors import RAW_PREFIX
from benches.goals import FEATURE_ROWS, WITHOUT
from benches.stores import PykvStore, call_each, put_each
from benches.workloads import BATCH_PAIRS

if TYPE_CHECKING:
    from benches.child import Session

OPERATIONS_MAX: Final = 300_000
PIECES: Final = 16
SCANS: Final = 4
GET_MANY_KEYS: Final = 100
CHECKPOINTS: Final = 3
SPACES: Final = 4
TTL_SECONDS: Final = 3_600.0
DELETED_ROWS: Final = 1_000_000
DELETED_FRESH_ROWS: Final = 4_000
"""Of these, what the memtable holds that takes the range delete in: about as many as it may."""
EMPTY_SCANS: Final = 2_000
HISTORY_BYTES: Final = 1 << 40
LINKED: Final = f"{RAW_PREFIX}links and a sync"

Put = Callable[[list[bytes], list[bytes]], None]


class WrongCountError(Exception):
    """A store gave something else than was put: what it did fast is worth nothing."""


class Turns:
    """Time that the sides of a row have taken in turns, each by its name; "" is pykv itself."""

    def __init__(self, session: Session, row: str) -> None:
        """Nothing yet."""
        self._session = session
        self._row = row
        self._nanoseconds: dict[str, int] = {}
        self._operations: dict[str, int] = {}

    def take(self, side: str, operations: int, call: Callable[..., None], *arguments: Any) -> int:
        """Calls, and adds the time to that of the side; returns it in nanoseconds."""
        elapsed = self._session.elapsed_ns(self._row, call, *arguments)
        self.add(side, operations, elapsed)
        return elapsed

    def add(self, side: str, operations: int, nanoseconds: int) -> None:
        """Adds a time that was taken already."""
        self._nanoseconds[side] = self._nanoseconds.get(side, 0) + nanoseconds
        self._operations[side] = self._operations.get(side, 0) + operations

    def keep(self) -> None:
        """Keeps the time an operation of each side if the row is wanted."""
        if not self._session.wants(self._row):
            return
        from benches.child import in_unit

        for side, elapsed in self._nanoseconds.items():
            figure = in_unit(self._row, elapsed / self._operations[side])
            if side:
                self._session.beside.setdefault(self._row, {})[side] = figure
            else:
                self._session.samples[self._row] = figure


def measure(session: Session) -> None:
    """Measures the rows that are wanted."""
    if not any(map(session.wants, FEATURE_ROWS)):
        return
    keys, values = session.workload.keys(), session.workload.values()
    count = min(len(keys), OPERATIONS_MAX)
    if session.wants("put_ttl"):
        _puts(session, "put_ttl", keys[:count], values[:count], _dated)
    if session.wants("put_after"):
        _puts(session, "put_after", keys[:count], values[:count], _after_a_snapshot)
    if any(map(session.wants, ("get_beside", "get_at"))):
        _gets(session, count, keys, values)
    if any(map(session.wants, ("get_many_at", "scan_at"))):
        _many_at(session, keys, values)
    if any(map(session.wants, ("scan_deleted", "scan_deleted_flushed"))):
        _deleted_range(session, values)
    if any(map(session.wants, ("drop", "reopen_spaces"))):
        _namespaces(session, keys, values)
    if session.wants("changes"):
        _feed(session, keys, values)
    if session.wants("checkpoint"):
        _checkpoint(session, keys, values)


def store_of(session: Session) -> PykvStore:
    """The store of the session, which is pykv."""
    assert isinstance(session.store, PykvStore)
    return session.store


def cut(items: list[bytes], pieces: int) -> list[list[bytes]]:
    """The items in about so many pieces of the same length."""
    size = max(len(items) // pieces, 1)
    return [items[first : first + size] for first in range(0, len(items), size)]


def fill(db: Any, keys: list[bytes], values: list[bytes]) -> None:
    """Puts the rows in batches."""
    for first in range(0, len(keys), BATCH_PAIRS):
        part = slice(first, first + BATCH_PAIRS)
        db.put_many(list(zip(keys[part], values[part], strict=True)), atomic=True)


def _puts(
    session: Session,
    row: str,
    keys: list[bytes],
    values: list[bytes],
    changed: Callable[[Any], Put],
) -> None:
    """Puts the same rows to two stores in turns, to one of them as `changed` says."""
    directory, turns = session.fresh_path(), Turns(session, row)
    store = store_of(session)
    with store.opened(directory / "plain") as plain, store.opened(directory / "changed") as other:
        sides = [(WITHOUT, _plain(plain)), ("", changed(other))]
        for some in zip(cut(keys, PIECES), cut(values, PIECES), strict=True):
            for side, put in sides:
                turns.take(side, len(some[0]), put, *some)
            sides.reverse()
        if len(other) != len(keys):
            raise WrongCountError(f"{row}: {len(other):,} keys instead of {len(keys):,}")
    turns.keep()


def _plain(db: Any) -> Put:
    return lambda keys, values: put_each(db.put, keys, values)


def _dated(db: Any) -> Put:
    def put_all(keys: list[bytes], values: list[bytes]) -> None:
        put = db.put
        for key, value in zip(keys, values, strict=True):
            put(key, value, ttl=TTL_SECONDS)

    return put_all


def _after_a_snapshot(db: Any) -> Put:
    db.put(b"first", b"1")
    with db.snapshot() as snapshot:
        db.put(b"first", b"2")
        if snapshot[b"first"] != b"1":
            raise WrongCountError("put_after: a snapshot that is none")
    db.delete(b"first")
    return _plain(db)


def _gets(session: Session, count: int, keys: list[bytes], values: list[bytes]) -> None:
    """Gets without a snapshot, beside one over some overwrites, and at it, in turns."""
    beside, at = Turns(session, "get_beside"), Turns(session, "get_at")
    wanted = session.workload.keys_at(session.workload.sample_indices(count))
    others = session.workload.values(count, version=1)
    pieces = cut(wanted, 3 * PIECES)
    with store_of(session).opened(session.fresh_path()) as db:
        fill(db, keys, values)
        for first in range(0, len(pieces) - 2, 3):
            alone, while_open, inside = pieces[first : first + 3]
            elapsed = beside.take(WITHOUT, len(alone), call_each, db.get, alone)
            at.add(WITHOUT, len(alone), elapsed)
            with db.snapshot() as snapshot:
                fill(db, while_open[::10], others[: len(while_open[::10])])
                beside.take("", len(while_open), call_each, db.get, while_open)
                at.take("", len(inside), call_each, snapshot.get, inside)
    beside.keep()
    at.keep()


def _many_at(session: Session, keys: list[bytes], values: list[bytes]) -> None:
    """Gets of many keys and scans, at a snapshot over some overwrites and without one, in turns."""
    gets, scans = Turns(session, "get_many_at"), Turns(session, "scan_at")
    wanted = session.workload.keys_at(session.workload.sample_indices(len(keys) // 2))
    with store_of(session).opened(session.fresh_path()) as db:
        fill(db, keys, values)
        db.flush()  # else the snapshot alone reads what is a memtable then
        with db.snapshot() as snapshot:
            fill(db, keys[::100], values[::100])
            db.flush()
            sides: list[tuple[str, Any]] = [(WITHOUT, db), ("", snapshot)]
            for some in cut(wanted, PIECES):
                for side, reader in sides:
                    gets.take(side, len(some), get_by, GET_MANY_KEYS, "get_many_at", reader, some)
                sides.reverse()
            for _ in range(SCANS if session.wants("scan_at") else 0):
                for side, reader in sides:
                    scans.take(side, len(keys), _scan_all, reader, len(keys))
                sides.reverse()
    gets.keep()
    scans.keep()


def get_by(size: int, row: str, reader: Any, keys: list[bytes]) -> None:
    """Gets the keys, so many at once, all of which must be there."""
    for first in range(0, len(keys), size):
        if None in reader.get_many(keys[first : first + size]):
            raise WrongCountError(f"{row}: a key is not there")


def _scan_all(reader: Any, count: int) -> None:
    if (found := sum(1 for _ in reader.scan())) != count:
        raise WrongCountError(f"scan_at: {found:,} rows instead of {count:,}")


def _deleted_range(session: Session, values: list[bytes]) -> None:
    """Scans over rows that one range delete hides, and over a range that never had any."""
    keys = [b"row-%08d" % number for number in range(DELETED_ROWS)]
    values = [values[number % len(values)] for number in range(DELETED_ROWS)]
    with store_of(session).opened(session.fresh_path()) as db:
        fill(db, keys, values)
        db.flush()
        fill(db, keys[-DELETED_FRESH_ROWS:], values[-DELETED_FRESH_ROWS:])
        db.delete_range(b"row", b"rox")
        _scans(session, "scan_deleted", db)
        db.flush()
        _scans(session, "scan_deleted_flushed", db)


def _scans(session: Session, row: str, db: Any) -> None:
    turns = Turns(session, row)
    sides = [(WITHOUT, b"empty", b"emptz"), ("", b"row", b"rox")]
    for _ in range(PIECES):
        for side, start, stop in sides:
            turns.take(side, EMPTY_SCANS, _scan_nothing, row, db, start, stop)
        sides.reverse()
    turns.keep()


def _scan_nothing(row: str, db: Any, start: bytes, stop: bytes) -> None:
    scan = db.scan
    for _ in range(EMPTY_SCANS):
        for key, _value in scan(start, stop):
            raise WrongCountError(f"{row}: {key!r} is there")


def _namespaces(session: Session, keys: list[bytes], values: list[bytes]) -> None:
    """An open of a store whose rows are in namespaces, and drops of these beside empty ones."""
    path, store = session.fresh_path(), store_of(session)
    names = [f"space {number}" for number in range(SPACES)]
    size = -(-len(keys) // SPACES)
    opened: list[Any] = []
    db = store.opened(path)
    try:
        for number, name in enumerate(names):
            part = slice(number * size, (number + 1) * size)
            fill(db.namespace(name, create=True), keys[part], values[part])
        if session.wants("reopen_spaces"):
            db.close()
            session.time("reopen_spaces", 1, _open_spaces, store, path, names, opened)
            db = opened.pop()
        if sum(len(db.namespace(name)) for name in names) != len(keys):
            raise WrongCountError(f"reopen_spaces: not the {len(keys):,} keys that were put")
        _drops(session, db, names)
    finally:
        db.close()


def _open_spaces(store: PykvStore, path: Path, names: list[str], opened: list[Any]) -> None:
    opened.append(store.opened(path))
    for name in names:
        opened[0].namespace(name)


def _drops(session: Session, db: Any, names: list[str]) -> None:
    turns = Turns(session, "drop")
    for name in names:
        db.namespace("empty", create=True)
        turns.take(WITHOUT, 1, db.drop_namespace, "empty")
        turns.take("", 1, db.drop_namespace, name)
    if db.namespaces():
        raise WrongCountError(f"drop: {db.namespaces()} are left")
    turns.keep()


def _feed(session: Session, keys: list[bytes], values: list[bytes]) -> None:
    counts: list[int] = []
    with store_of(session).opened(session.fresh_path(), history_bytes=HISTORY_BYTES) as db:
        fill(db, keys, values)
        db.sync()
        session.time("changes", len(keys), lambda: counts.append(sum(1 for _ in db.changes())))
    if counts != [len(keys)]:
        raise WrongCountError(f"changes: {counts} instead of {len(keys):,}")


def _checkpoint(session: Session, keys: list[bytes], values: list[bytes]) -> None:
    """Checkpoints beside links to the same files and one sync."""
    directory, turns = session.fresh_path(), Turns(session, "checkpoint")
    source, copies = directory / "source", [directory / "links", directory / "checkpoint"]
    store = store_of(session)
    with store.opened(source) as db:
        fill(db, keys, values)
        db.flush()
        for _ in range(CHECKPOINTS):
            db.sync()
            os.sync()
            turns.take(LINKED, 1, link_all, source, copies[0])
            turns.take("", 1, db.checkpoint, copies[1])
            with store.opened(copies[1]) as copy:
                if len(copy) != len(keys):
                    raise WrongCountError(f"checkpoint: {len(copy):,} keys")
            for path in copies:
                shutil.rmtree(path)
    turns.keep()
