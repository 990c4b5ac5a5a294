"""Ctrl-C at any moment: KeyboardInterrupt where Python expects it, each call done or not begun, and
nothing left behind: no pin, no scan, no lock, no thread."""

import gc
import itertools
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.crash.processes import in_child, run_program
from tests.engine.native_kinds import Kind
from tests.native.fast_stores import needs_fast

import pykv

STORM_SECONDS = 2.0

# What is raised in a finalizer goes no further than a message; that is so for every Python object.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def may_strike(frame: FrameType | None) -> bool:
    """Whether the code of frame is under test: not the loop that catches, not the handler, which a
    busy machine may be in still when the next strike comes, and not pytest's own."""
    if frame is None or frame.f_code is weather.__code__ or frame.f_code.co_name == "strike":
        return False
    while frame is not None:
        if "_pytest" in frame.f_code.co_filename and "unraisable" in frame.f_code.co_filename:
            return False
        frame = frame.f_back
    return True


def weather(work: Callable[[], object], seconds: float = STORM_SECONDS) -> int:
    """Does work over and over while KeyboardInterrupt strikes it wherever it is; returns how often
    it did."""
    strikes = itertools.count()
    deadline = time.monotonic() + seconds
    ended = False

    def strike(_signal: int, frame: FrameType | None) -> None:
        nonlocal ended
        if time.monotonic() > deadline:
            ended = True
            return
        signal.setitimer(signal.ITIMER_REAL, 0.0002 + (time.monotonic_ns() % 2_000) / 1e6)
        if may_strike(frame):
            next(strikes)
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        while not ended:
            try:
                work()
            except KeyboardInterrupt:
                continue
    except BaseException:
        deadline = 0.0  # what failed is to be told in peace
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return next(strikes)


def check_nothing_left(db: Any) -> None:
    stats = db.stats()
    assert stats["open_scan_count"] == stats["open_snapshot_count"] == stats["view_count"] == 0
    assert db.verify().ok
    # A call that was left half done would keep close waiting.
    db.close(timeout=20)


def test_reads_in_a_storm_leave_no_pin(kind: Kind, tmp_path: Path) -> None:
    db = kind.open(tmp_path / "db")
    rows = {b"%04d" % i: b"v%d" % i * 20 for i in range(2_000)}
    db.update(rows)
    keys = list(rows)

    def read() -> None:
        for key in keys[::50]:
            assert db.get(key) == rows[key]
            assert db[key] == rows[key]
            assert key in db
        assert db.get_many(keys) == list(rows.values())
        assert dict(db.scan()) == rows
        assert sum(1 for _ in db.scan_keys()) == len(rows)

    assert weather(read) > 50
    check_nothing_left(db)


@needs_fast
def test_moments_and_views_in_a_storm_leave_nothing_open(kind: Kind, tmp_path: Path) -> None:
    db = kind.open(tmp_path / "db")
    rows = {b"%04d" % i: b"v%d" % i * 2_000 for i in range(50)}
    db.namespace("space", create=True).update(rows)
    last = db.last_seq

    def read() -> None:
        space = db.namespace("space")
        with space.snapshot() as kept:
            assert dict(kept.scan()) == rows
            assert kept.get_many(rows) == list(rows.values())
        views = [space.get_view(key) for key in rows]
        assert [bytes(view) for view in views] == list(rows.values())
        if "order" in db.features:
            with space.cursor() as cursor:
                assert cursor.seek(b"0007")
                assert cursor.value == rows[b"0007"]
        assert [change.seq for change in db.changes(last - 3, unsynced=True)][-1] == last

    assert weather(read, 1.0) > 20
    gc.collect()
    check_nothing_left(db)


@needs_fast
def test_a_feed_that_is_struck_while_it_waits_gives_each_change_once(
    kind: Kind, tmp_path: Path
) -> None:
    db = kind.open(tmp_path / "db", **kind.small)
    ended = threading.Event()
    seen: list[pykv.Change] = []
    feed = db.changes(follow=True)

    def write() -> None:
        for number in itertools.count():
            db.put(b"%d" % (number % 100), b"v" * 100)
            if number % 10 == 0:
                db.sync()
                if ended.wait(0.002):
                    break
        db.put(b"last", b"v", sync=True)

    writer = threading.Thread(target=write)
    writer.start()
    # An interrupt between the return of the feed and the list would be one in the caller's code.
    strikes = weather(lambda: seen.extend(islice(feed, 50)), 1.0)
    ended.set()
    while not seen or seen[-1].key != b"last":
        seen.append(next(feed))
    writer.join()
    assert strikes > 50
    assert [change.seq for change in seen] == list(range(1, db.last_seq + 1))
    check_nothing_left(db)


def test_writes_in_a_storm_are_done_or_not_begun(kind: Kind, tmp_path: Path) -> None:
    db = kind.open(tmp_path / "db", **kind.small)
    keys = [b"%03d" % i for i in range(100)]
    state = {"number": 0}

    def write() -> None:
        state["number"] += 1
        value = b"%d" % state["number"]
        db.put_many([(key, value) for key in keys], atomic=True)
        with db.batch() as batch:
            for key in keys:
                batch.put(key, value + b"!")
        db[b"single"] = value
        db.compare_and_set(b"single", value, value + b"?")
        db.delete(b"single")

    assert weather(write) > 50
    assert len({db[key] for key in keys}) == 1
    assert int(db[keys[0]].rstrip(b"!")) in (state["number"], state["number"] - 1)
    check_nothing_left(db)


def test_opening_and_closing_in_a_storm_leaves_no_lock(kind: Kind, tmp_path: Path) -> None:
    """An interrupt right after the core has opened the store must not lose it."""
    kind.open(tmp_path / "db").close()

    def open_and_close() -> None:
        with kind.open(tmp_path / "db") as db:
            db[b"k"] = b"v"

    def work() -> None:
        warnings.simplefilter("ignore", ResourceWarning)
        # The hook of pytest would keep the traceback, and with it the store that was being closed.
        sys.unraisablehook = lambda _unraisable: None
        assert weather(open_and_close) > 20
        with kind.open(tmp_path / "db") as db:
            db[b"after"] = b"v"
            assert db.verify().ok

    assert in_child(work) == 0


def test_upkeep_in_a_storm_leaves_the_store_whole(kind: Kind, tmp_path: Path) -> None:
    db = kind.open(tmp_path / "db", **kind.small)
    rows = {b"%04d" % i: b"v" * 100 for i in range(3_000)}
    db.update(rows)

    def upkeep() -> None:
        db.put_many(rows.items())
        db.compact()
        db.verify()
        db.sync()
        db.stats()

    assert weather(upkeep) > 20
    assert dict(db.items()) == rows
    check_nothing_left(db)


def test_ctrl_c_ends_a_program_with_its_writes_kept(kind: Kind, tmp_path: Path) -> None:
    code = """
import os, signal, sys, threading, pykv
signal.signal(signal.SIGINT, signal.default_int_handler)
db = pykv.open(sys.argv[1], engine=sys.argv[2])
threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
number = 0
try:
    with db:
        while True:
            db[b"%d" % number] = b"v"
            number += 1
except KeyboardInterrupt:
    print(number)
"""
    done = run_program(code, tmp_path / "db", kind.name)
    assert (done.returncode, done.stderr) == (0, "")
    with kind.open(tmp_path / "db") as db:
        assert len(db) - int(done.stdout) in (0, 1)
        assert db.stats()["clean_open"]


FOLLOW = """
import os, signal, sys, threading, time
os.environ["PYKV_FASTPATH"] = sys.argv[3]
import pykv
signal.signal(signal.SIGINT, signal.default_int_handler)
with pykv.open(sys.argv[1], engine=sys.argv[2]) as db:
    db.put(b"before", b"v", sync=True)
    feed = db.changes(follow=True)
    assert next(feed).key == b"before"
    struck = 0.0
    def strike():
        global struck
        struck = time.monotonic()
        os.kill(os.getpid(), signal.SIGINT)
    for _ in range(3):
        threading.Timer(0.1, strike).start()
        try:
            next(feed)
        except KeyboardInterrupt:
            took = time.monotonic() - struck
        assert took < 1.5, took
    db.put(b"after", b"v", sync=True)
    assert next(feed).key == b"after"
    assert db.stats()["open_snapshot_count"] == 0
print("followed")
"""


@pytest.mark.parametrize("fast", ["1", "0"])
def test_ctrl_c_ends_a_wait_for_changes_and_the_feed_goes_on(
    kind: Kind, tmp_path: Path, fast: str
) -> None:
    done = run_program(FOLLOW, tmp_path / "db", kind.name, fast)
    assert (done.returncode, done.stdout, done.stderr) == (0, "followed\n", "")
