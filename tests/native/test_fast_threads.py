"""The interpreter lock: let go of while a call waits or copies much, kept by nobody who waits."""

import gc
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pykv.errors import ClosedError
from tests.native.fast_stores import needs_fast, open_over, outcome

pytestmark = needs_fast

MANY = 200
"""Keys: more than are looked up with the interpreter lock held."""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Any]:
    with open_over("fast", tmp_path / "store") as store:
        yield store


def ticks_during(call: Callable[[], object]) -> int:
    """How often this thread ran in the middle half of one call that another thread makes."""
    times: list[float] = []
    moments: list[float] = []

    def measured() -> None:
        moments.append(time.perf_counter())
        call()
        moments.append(time.perf_counter())

    thread = threading.Thread(target=measured)
    thread.start()
    while thread.is_alive():
        times.append(time.perf_counter())
    thread.join()
    start, stop = moments
    quarter = (stop - start) / 4
    return sum(start + quarter < moment < stop - quarter for moment in times)


MANY_KEYS = [b"%06d" % number for number in range(200_000)]
LARGE_ARRAY = bytearray(200 << 20)


def large_batch() -> list[tuple[bytes, bytes]]:
    return [(b"%d" % number, bytes(1 << 20)) for number in range(60)]


CALLS: dict[str, Callable[[Any], object]] = {
    "synced put": lambda db: db.put(b"k", b"v", sync=True),
    "large put": lambda db: db.put(b"k", bytes(200 << 20)),
    "large put of a bytearray": lambda db: db.put(b"k", bytearray(200 << 20)),
    "put_many": lambda db: db.put_many(large_batch(), atomic=True),
    "delete_many": lambda db: db.delete_many([b"a"], sync=True),
    "large get": lambda db: db.get(b"large"),
    "large scan": lambda db: next(db.scan_values()),
    "get_many of large": lambda db: db.get_many([b"large"]),
    "get_many of many": lambda db: db.get_many(MANY_KEYS),
    "copy of a bytearray": lambda db: outcome(db.put_many, [(b"k", LARGE_ARRAY), (b"k", 5)]),
}


@pytest.mark.parametrize("call", CALLS)
def test_others_run_while_a_call_waits_or_copies_much(db: Any, call: str) -> None:
    if "large" in call:
        db[b"large"] = bytes(200 << 20)
    if call == "get_many of many":
        db.put_many((key, b"v") for key in MANY_KEYS)
    if call == "delete_many":
        db[b"a"] = bytes(60 << 20)
    assert any(ticks_during(lambda: CALLS[call](db)) for _ in range(5))


@pytest.mark.usefixtures("frequent_switches")
def test_a_lookup_of_many_is_of_one_moment(db: Any) -> None:
    """Every batch sets all keys: values of two batches must never be seen together."""
    keys = [b"%03d" % number for number in range(MANY)]
    few = keys[:20]
    db.put_many(((key, b"0") for key in keys), atomic=True)
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(300):
                value = b"%d" % number * (1 + number % 50)
                db.put_many([(key, value) for key in keys], atomic=True)
        finally:
            done.set()

    def read(wanted: list[bytes]) -> int:
        while True:
            values = set(db.get_many(wanted))
            if len(values) != 1 or done.is_set():
                return len(values)

    with ThreadPoolExecutor(3) as pool:
        writer = pool.submit(write)
        readers = [pool.submit(read, wanted) for wanted in (keys, few)]
        writer.result(timeout=120)
        assert [reader.result(timeout=120) for reader in readers] == [1, 1]


@pytest.mark.usefixtures("frequent_switches")
def test_a_large_value_that_changes_its_length_comes_whole(db: Any) -> None:
    sizes = [100_000, 70_000, 10, 200_000, 9_000]
    db[b"k"] = bytes(sizes[0])
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(1_000):
                db[b"k"] = bytes([number % 256]) * sizes[number % len(sizes)]
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            for value in (db[b"k"], *db.get_many([b"k"] * 2)):
                assert len(value) in sizes
                assert value.count(value[0]) == len(value)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(write), pool.submit(read)]:
            future.result(timeout=120)


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.parametrize("call", ["get_many", "scan", "get", "put_many"])
def test_closing_in_the_middle_of_calls_gives_closed_errors(tmp_path: Path, call: str) -> None:
    keys = [b"%04d" % number for number in range(3_000)]
    calls: dict[str, Callable[[Any], object]] = {
        "get_many": lambda db: db.get_many(keys[:MANY]),
        "scan": lambda db: list(db.scan()),
        "get": lambda db: db[keys[0]],
        "put_many": lambda db: db.put_many([(key, b"w") for key in keys]),
    }
    for attempt in range(10):
        db = open_over("fast", tmp_path / f"{attempt}")
        db.put_many((key, bytes(100)) for key in keys)
        started = threading.Barrier(4)

        def use(db: Any = db, started: threading.Barrier = started) -> None:
            started.wait(30)
            try:
                while True:
                    calls[call](db)
            except ClosedError:
                return

        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(use) for _ in range(3)]
            started.wait(30)
            time.sleep(0.001 * attempt)
            db.close()
            for future in futures:
                future.result(timeout=60)


@pytest.mark.usefixtures("frequent_switches")
def test_threads_that_share_a_scan_share_its_rows(db: Any) -> None:
    """Who comes in the middle of a next() of another is told so; each row is given once."""
    rows = {b"%05d" % number: bytes(50) for number in range(20_000)}
    db.put_many(rows.items())
    scan = db.scan()
    refusals: set[str] = set()

    def take() -> list[Any]:
        taken: list[Any] = []
        while True:
            try:
                taken.append(next(scan))
            except StopIteration:
                return taken
            except RuntimeError as error:
                refusals.add(str(error))

    with ThreadPoolExecutor(4) as pool:
        parts = [future.result(timeout=60) for future in [pool.submit(take) for _ in range(4)]]
    assert sorted(row for part in parts for row in part) == sorted(rows.items())
    assert all("each thread its own" in refusal for refusal in refusals)


class UsesStoreAtItsEnd:
    """A cycle whose finalizer reads and writes: collection may run it in the middle of any call."""

    count = 0

    def __init__(self, db: Any, scan: Any) -> None:
        self.me, self.db, self.scan = self, db, scan

    def __del__(self) -> None:
        type(self).count += 1
        self.db.put(b"finalizer", b"%d" % self.count)
        assert self.db.get_many([b"finalizer"] * 70) == [b"%d" % self.count] * 70
        next(self.scan, None)


def test_finalizers_may_use_the_store_inside_its_calls(db: Any) -> None:
    db.put_many((b"%05d" % number, bytes(100)) for number in range(5_000))
    scan = db.scan()
    before = UsesStoreAtItsEnd.count
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for number in range(300):
            UsesStoreAtItsEnd(db, scan)
            next(scan, None)
            assert len(db.get_many([b"%05d" % number] * 10)) == 10
            assert len(db.get_many([b"%05d" % number] * 100)) == 100
            db.put_many([(b"%05d" % number, b"w"), [b"x", b"y"]])
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert UsesStoreAtItsEnd.count - before == 300
    assert db[b"finalizer"] == b"%d" % UsesStoreAtItsEnd.count


def test_an_iterable_may_use_the_store_it_feeds(db: Any) -> None:
    def items() -> Iterator[tuple[bytes, bytes]]:
        for number in range(2_500):
            key = b"%05d" % number
            db.put(b"other", key)
            assert db.get_many([b"other"] * 65) == [key] * 65
            yield key, db[b"other"]

    db.put_many(items())
    assert len(db) == 2_501
    assert db.get_many(key for key in db if db.put(b"other", b"") is None)


def test_an_interrupt_comes_between_chunks(db: Any) -> None:
    """A list is read without running any Python: without a look at signals Ctrl-C would wait."""
    rows = [(b"%07d" % number, b"v") for number in range(600_000)]
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        with pytest.raises(KeyboardInterrupt):
            db.put_many(rows)
        assert 0 < len(db) < len(rows)
        assert len(db) % 1_000 == 0
        count = len(db)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            db.put_many(rows, atomic=True)
        assert len(db) == count
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
