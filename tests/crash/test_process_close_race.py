"""Closing while other threads call, scan and finalize: ClosedError there, and no crash anywhere."""

import contextlib
import gc
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.native_kinds import Kind

import pykv
from pykv.errors import ClosedError, HistoryGoneError

pytestmark = pytest.mark.usefixtures("frequent_switches")

ROUNDS = int(os.environ.get("PYKV_RACES") or 2)
Scan = Iterator[tuple[bytes, bytes]]
KEYS = [b"%04d" % number for number in range(1_000)]
KEY_ARRAY = np.array(KEYS, "V4")

CALLS: dict[str, Callable[[Any, int], object]] = {
    "get": lambda db, i: db.get(KEYS[i % 1_000]),
    "contains": lambda db, i: KEYS[i % 1_000] in db,
    "get_many": lambda db, i: db.get_many(KEYS[i % 900 :][:100]),
    "put": lambda db, i: db.put(KEYS[i % 1_000], b"w" * (i % 3_000)),
    "delete": lambda db, i: db.delete(KEYS[i % 1_000]),
    "put_many": lambda db, i: db.put_many([(key, b"x") for key in KEYS[::100]]),
    "put_arrays": lambda db, i: db.put_arrays(KEY_ARRAY, KEY_ARRAY),
    "get_arrays": lambda db, i: db.get_arrays(KEY_ARRAY),
    "scan_arrays": lambda db, i: sum(map(len, db.scan_arrays(chunk_rows=99))),
    "half a scan of arrays": lambda db, i: next(db.scan_arrays(chunk_rows=9), None),
    "batch": lambda db, i: db._write([], True),
    "cas": lambda db, i: db.compare_and_set(KEYS[i % 1_000], b"x", b"y"),
    "scan": lambda db, i: sum(1 for _ in db.scan()),
    "half a scan": lambda db, i: [next(db.scan(), None) for _ in range(3)],
    "stats": lambda db, i: db.stats(),
    "state": lambda db, i: (db.state, db.closed, repr(db), bool(db)),
    "sync": lambda db, i: db.sync(),
    "compact": lambda db, i: db.compact(),
    "verify": lambda db, i: db.verify(),
    "clear": lambda db, i: db.clear() if i % 50 == 0 else None,
    "get_view": lambda db, i: VIEWS.append(db.get_view(KEYS[i % 1_000])),
    "put with a time to live": lambda db, i: db.put(KEYS[i % 1_000], b"y", ttl=0.001),
    "touch": lambda db, i: db.touch(KEYS[i % 1_000], 1_000 if i % 2 else None),
    "snapshot": lambda db, i: read_a_snapshot(db),
    "cursor": lambda db, i: move_a_cursor(db),
    "changes": lambda db, i: sum(1 for _ in changes(db, 0)),
    "changes that follow": lambda db, i: next(changes(db, db.last_seq, follow=True), None),
    "pin": lambda db, i: pin_what_is_synced(db),
    "checkpoint": lambda db, i: make_a_checkpoint(db),
    "namespace": lambda db, i: use_a_namespace(db, i),
    "batch across": lambda db, i: write_across(db, i),
    "drop_namespace": lambda db, i: drop_a_namespace(db, i),
}

VIEWS: deque[memoryview | None] = deque(maxlen=100)
"""Views that outlive their stores."""


def read_a_snapshot(db: Any) -> None:
    with db.snapshot() as kept:
        assert kept.get_many(KEYS) == [kept.get(key) for key in KEYS]
        assert len(list(kept.scan_keys())) == len(dict(kept.scan()))


def move_a_cursor(db: Any) -> None:
    if "order" in db.features:
        with db.cursor() as cursor:
            while cursor.next() and cursor.key < KEYS[50]:
                assert cursor.value is not None


def changes(db: Any, since: int, follow: bool = False) -> Iterator[pykv.Change]:
    """What was written behind since, as far as it is kept."""
    with contextlib.suppress(HistoryGoneError):
        yield from db.changes(since, follow=follow, unsynced=not follow)


def pin_what_is_synced(db: Any) -> None:
    """Keeps the history from now on, unless a flush has let go of it since it was asked for."""
    with contextlib.suppress(HistoryGoneError):
        db.pin_history("pin", db.stats()["synced_seq"])


def make_a_checkpoint(db: Any) -> None:
    path = db.path.with_name("copy")
    try:
        db.checkpoint(path)
    except ClosedError:
        assert not path.exists()
        raise
    pykv.destroy(path)


@contextlib.contextmanager
def unless_dropped(db: Any) -> Iterator[None]:
    """Lets pass that another thread has dropped a namespace, and not that its store is closed."""
    try:
        yield
    except (ClosedError, KeyError) as error:
        if isinstance(error, ClosedError) and db.closed:
            raise


def use_a_namespace(db: Any, i: int) -> None:
    with unless_dropped(db):
        space = db.namespace(f"{i % 3}", create=True)
        space.put_many((key, key) for key in KEYS[::50])
        assert space.get(KEYS[0]) in (KEYS[0], b"across", None)
        with space.snapshot() as kept:
            assert len(dict(kept.items())) <= len(KEYS)


def write_across(db: Any, i: int) -> None:
    with unless_dropped(db), db.batch() as batch:
        space = db.namespace(f"{i % 3}")
        batch.put(KEYS[0], b"across")
        batch.put(KEYS[0], b"across", namespace=space)


def drop_a_namespace(db: Any, i: int) -> None:
    with unless_dropped(db):
        db.drop_namespace(f"{i % 3}")


def call_until_closed(db: Any, name: str, failures: list[BaseException]) -> None:
    try:
        for i in range(10_000_000):
            CALLS[name](db, i)
            if db.closed:
                return
    except ClosedError:
        pass
    except BaseException as error:
        failures.append(error)


def check_what_is_left(kind: Kind, path: Path) -> None:
    """The store is whole, and each view that is left shows one value."""
    for value in (view.tobytes() for view in VIEWS if view is not None):
        assert len(set(value)) <= 1 or value == b"across" or value in KEYS
    VIEWS.clear()
    with kind.open(path) as db:
        assert db.verify().ok
        assert db.stats()["open_snapshot_count"] == db.stats()["view_count"] == 0


@pytest.mark.parametrize("closers", [1, 3])
def test_every_call_may_race_with_close(kind: Kind, tmp_path: Path, closers: int) -> None:
    for round_ in range(ROUNDS):
        db = kind.open(tmp_path / "db", **kind.small)
        db.update(dict.fromkeys(KEYS, b"v" * 100))
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=call_until_closed, args=(db, name, failures)) for name in CALLS
        ]
        threads += [threading.Thread(target=db.close) for _ in range(closers - 1)]
        for thread in threads[: len(CALLS)]:
            thread.start()
        time.sleep(0.01 * (round_ % 5))
        for thread in threads[len(CALLS) :]:
            thread.start()
        db.close()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert failures == []
        assert db.closed
    check_what_is_left(kind, tmp_path / "db")


CLOSED_ELSEWHERE = ["snapshot", "snapshot of a namespace", "namespace"]
"""The parts that a thread may close while another one uses them."""


def held_parts(db: Any) -> dict[str, tuple[Any, Callable[[Any], object]]]:
    """What a store has given out, and how each is used until the store is closed."""
    space = db.namespace("space", create=True)
    space.update(dict.fromkeys(KEYS[:100], b"v"))
    parts: dict[str, tuple[Any, Callable[[Any], object]]] = {
        "snapshot": (db.snapshot(), lambda kept: dict(kept.scan(limit=50))),
        "snapshot of a namespace": (space.snapshot(), lambda kept: kept.get_many(KEYS[:200])),
        "namespace": (space, lambda space: (space.put(b"k", b"v"), len(space))),
        "feed": (db.changes(follow=True), next),
        "waiting feed": (db.changes(db.last_seq, follow=True), next),
    }
    if "order" in db.features:
        parts["cursor"] = (db.cursor(), lambda cursor: cursor.first() and cursor.key)
    return parts


def use_until_closed(
    part: Any, use: Callable[[Any], object], failures: list[BaseException]
) -> None:
    try:
        while True:
            use(part)
    except (ClosedError, HistoryGoneError, StopIteration):
        pass  # merges go on beside a feed that nothing is kept for
    except BaseException as error:
        failures.append(error)


@pytest.mark.parametrize("closes_parts", [False, True])
def test_what_a_store_has_given_out_may_be_used_while_it_closes(
    kind: Kind, tmp_path: Path, closes_parts: bool
) -> None:
    """Each in a thread of its own, and at times closed by yet another one."""
    for round_ in range(ROUNDS):
        db = kind.open(tmp_path / "db", **kind.small)
        db.update(dict.fromkeys(KEYS, b"v" * 100))
        view = db.get_view(KEYS[7])
        failures: list[BaseException] = []
        parts = held_parts(db)
        threads = [
            threading.Thread(target=use_until_closed, args=(*part, failures))
            for part in parts.values()
        ]
        if closes_parts:
            closable = [parts[name][0] for name in CLOSED_ELSEWHERE]
            threads += [threading.Thread(target=part.close) for part in closable]
        del parts
        for thread in threads:
            thread.start()
        time.sleep(0.005 * (round_ % 4))
        db.close(timeout=60)
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert failures == []
        assert view is not None
        assert view.tobytes() == b"v" * 100
    with kind.open(tmp_path / "db") as db:
        assert db.verify().ok


def drop_all(scans: list[Scan]) -> None:
    while scans:
        with contextlib.suppress(IndexError):
            scans.pop()
    gc.collect()


def read_all(scans: list[Scan]) -> None:
    while scans:
        with contextlib.suppress(ClosedError, IndexError):
            for _ in scans.pop():
                pass


def test_scans_may_end_in_any_thread_at_any_time(kind: Kind, tmp_path: Path) -> None:
    """A scan that is dropped or read by one thread while another one closes its store."""
    for _ in range(ROUNDS):
        db = kind.open(tmp_path / "db")
        db.update(dict.fromkeys(KEYS, b"v" * 100))
        scans = [db.scan() for _ in range(200)]
        for scan in scans[::3]:
            next(scan)
        works = (drop_all, drop_all, read_all, read_all)
        threads = [threading.Thread(target=work, args=(scans,)) for work in works]
        for thread in threads:
            thread.start()
        db.close()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)


def test_a_store_may_be_dropped_while_its_threads_work(kind: Kind, tmp_path: Path) -> None:
    """Without close, the finalizer closes while lent threads merge."""
    rows = dict.fromkeys(KEYS, b"v" * 100)
    for _ in range(ROUNDS):
        db = kind.open(tmp_path / "db", **kind.small)
        for _ in range(5):
            db.update(rows)
        scan = db.scan()
        with pytest.warns(ResourceWarning, match="left open"):
            del db
        with pytest.raises(ClosedError):
            next(scan)
    with kind.open(tmp_path / "db") as db:
        assert dict(db.items()) == rows


def test_a_finalizer_may_use_and_close_a_store_in_the_middle_of_its_calls(
    kind: Kind, tmp_path: Path
) -> None:
    """The collector runs foreign finalizers inside calls that make objects."""

    class Meddler:
        def __init__(self, db: Any) -> None:
            self.db = db
            self.me = self

        def __del__(self) -> None:
            try:
                self.db.put(b"meddled", b"%d" % len(self.db))
                list(self.db.scan(limit=3))
                self.db.get_many(KEYS[:5])
            except ClosedError:
                pass

    threshold = gc.get_threshold()
    gc.set_threshold(50, 2, 2)
    try:
        with kind.open(tmp_path / "db") as db:
            db.update(dict.fromkeys(KEYS, b"v"))
            for _ in range(30):
                Meddler(db)
                assert len(dict(db.scan())) >= 1_000
                assert db.get_many(KEYS) == [b"v"] * 1_000
                db.put_many([(key, b"v") for key in KEYS], atomic=True)
            gc.collect()
            assert db[b"meddled"]
        gc.collect()
    finally:
        gc.set_threshold(*threshold)
