"""Closing while other threads call, scan and finalize: ClosedError there, and no crash anywhere."""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engine.native_kinds import Kind

from pykv.errors import ClosedError

pytestmark = pytest.mark.usefixtures("frequent_switches")

ROUNDS = 8
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
}


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
