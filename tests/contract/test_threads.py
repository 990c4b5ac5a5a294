"""Many threads on one store: what is atomic, and closing under load."""

import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pykv.errors import ClosedError

pytestmark = pytest.mark.usefixtures("frequent_switches")

THREADS = 4


def run_all(*works: Callable[[], Any]) -> list[Any]:
    """The results of works, begun at one moment in a thread each; raises what any raises."""
    barrier = threading.Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(begin, work) for work in works]
        return [future.result(timeout=120) for future in futures]


def test_threads_write_their_own_keys(db: Any) -> None:
    def work(name: int) -> Callable[[], None]:
        def write() -> None:
            for number in range(300):
                key = b"%d-%d" % (name, number)
                db[key] = key
                assert db[key] == key
                if number % 3 == 0:
                    del db[key]

        return write

    run_all(*(work(name) for name in range(THREADS)))
    assert len(db) == THREADS * 200
    assert all(key == value for key, value in db.items())


def test_compare_and_set_counts_without_loss(db: Any) -> None:
    db[b"n"] = b"0"

    def count() -> None:
        for _ in range(100):
            while True:
                value = db[b"n"]
                if db.compare_and_set(b"n", value, b"%d" % (int(value) + 1)):
                    break

    run_all(*[count] * THREADS)
    assert db[b"n"] == b"%d" % (THREADS * 100)


def test_one_thread_wins_put_if_absent(db: Any) -> None:
    keys = [b"%d" % number for number in range(200)]

    def claim(name: bytes) -> Callable[[], int]:
        return lambda: sum(db.put_if_absent(key, name) for key in keys)

    won = run_all(*(claim(b"%d" % name) for name in range(THREADS)))
    held = Counter(db.values())
    assert sum(won) == len(keys)
    assert won == [held[b"%d" % name] for name in range(THREADS)]


def test_pop_gives_each_value_to_one_thread(db: Any) -> None:
    keys = [b"%d" % number for number in range(400)]
    db.put_many((key, key) for key in keys)
    popped = run_all(*[lambda: [v for key in keys if (v := db.pop(key, None))]] * THREADS)
    assert Counter(value for values in popped for value in values) == Counter(keys)
    assert len(db) == 0


def test_setdefault_gives_every_thread_the_same_value(db: Any) -> None:
    keys = [b"%d" % number for number in range(200)]

    def settle(name: bytes) -> Callable[[], list[bytes]]:
        return lambda: [db.setdefault(key, name) for key in keys]

    results = run_all(*(settle(b"%d" % name) for name in range(THREADS)))
    assert all(result == results[0] for result in results)
    assert db.get_many(keys) == results[0]


def test_a_scan_never_shows_half_a_batch(db: Any) -> None:
    keys = [b"%03d" % number for number in range(50)]
    db.put_many((key, b"0") for key in keys)
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(150):
                if number % 2:
                    db.put_many([(key, b"%d" % number) for key in keys], atomic=True)
                else:
                    with db.batch() as batch:
                        for key in keys:
                            batch.put(key, b"%d" % number)
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            assert len(set(db.values())) == 1

    run_all(write, read, read)


def test_threads_may_scan_while_others_write(db: Any) -> None:
    stable = {b"stable%04d" % number: b"v" for number in range(500)}
    db.update(stable)
    done = threading.Event()

    def write() -> None:
        try:
            for number in range(1_000):
                db[b"moving%d" % (number % 50)] = b"%d" % number
                db.delete(b"moving%d" % ((number + 25) % 50))
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            shown = dict(db.scan())
            assert stable.items() <= shown.items()
            assert all(key in stable or key.startswith(b"moving") for key in shown)

    run_all(write, read, read)


def test_closing_under_load_gives_closed_errors_only(db: Any) -> None:
    started = threading.Barrier(THREADS + 1)

    def use(name: int) -> Callable[[], int]:
        def work() -> int:
            count = 0
            started.wait(timeout=30)
            while True:
                key = b"%d" % name
                try:
                    db[key] = b"v"
                    assert db.get(key) == b"v"
                    assert key in set(db)
                    db.put_many([(key, b"v")])
                except ClosedError:
                    return count
                count += 1

        return work

    def close() -> int:
        started.wait(timeout=30)
        while len(db) < THREADS:
            pass
        db.close()
        return 0

    run_all(*(use(name) for name in range(THREADS)), close)
    assert db.closed


def test_two_threads_may_close(make_store: Callable[[], Any]) -> None:
    for _ in range(20):
        db = make_store()
        run_all(db.close, db.close, db.close)
        assert db.closed


# An interrupt that strikes in a finalizer is dropped by Python, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_leaves_batches_whole(db: Any) -> None:
    keys = [b"%03d" % number for number in range(300)]
    armed = False

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        for number in range(60):
            rows = [(key, b"%d" % number) for key in keys]
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 0.00005 * (1 + number))
                db.put_many(rows, atomic=True)
                armed = False
            except KeyboardInterrupt:
                pass
            assert len(set(db.values())) <= 1
            assert len(db) in (0, len(keys))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    db[b"after"] = b"v"
    assert db.pop(b"after") == b"v"
    assert db.verify().ok
