"""Forked children: they may not use the store of their parent, and they do not disturb it."""

import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.crash.processes import fork, in_child, run_program, wait_for, wait_until
from tests.engine.native_kinds import Kind

from pykv.errors import ForkedError, LockedError


def can_open(kind: Kind, path: Path) -> bool:
    try:
        kind.open(path).close()
    except LockedError:
        return False
    return True


def test_children_of_a_busy_parent_neither_hang_nor_write(kind: Kind, tmp_path: Path) -> None:
    """A fork catches other threads in the middle of their calls, with locks that nobody will ever
    release in the child."""
    db = kind.open(tmp_path / "db", **kind.small)
    done = threading.Event()

    def write(name: int) -> None:
        number = 0
        while not done.is_set():
            db[b"%d-%d" % (name, number % 500)] = b"v" * 200
            number += 1

    def work() -> None:
        with pytest.raises(ForkedError, match="after the fork"):
            db[b"child"] = b"v"
        with pytest.raises(ForkedError):
            db.get(b"child")
        assert db.closed
        assert db.state == "closed"
        assert "closed" in repr(db)
        with pytest.raises(ForkedError):
            db.__enter__()
        db.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(3)]
    for thread in threads:
        thread.start()
    try:
        codes = [in_child(work) for _ in range(20)]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert codes == [0] * 20
    assert b"child" not in db
    assert db.verify().ok
    db.close()


def test_a_child_may_drop_what_it_inherited(kind: Kind, tmp_path: Path) -> None:
    db = kind.open(tmp_path / "db")
    db[b"k"] = b"v"
    stores, scans = [db], [db.scan(), db.scan_keys()]

    def work() -> None:
        nonlocal db
        stores.clear()
        scans.clear()
        del db
        gc.collect()

    assert in_child(work) == 0
    assert dict(db.items()) == {b"k": b"v"}
    assert [list(scan) for scan in scans] == [[(b"k", b"v")], [b"k"]]
    db.close()


def uses_of(db: Any, kept: dict[str, Any], path: Path) -> list[Callable[[], object]]:
    """Calls of a store and of all that it has given out."""
    space, snapshot, inner = kept["space"], kept["snapshot"], kept["inner"]
    uses: list[Callable[[], object]] = [
        lambda: next(kept["feed"]),
        lambda: next(kept["waiting"]),
        lambda: next(kept["scan"]),
        lambda: space[b"k"],
        lambda: space.put(b"k", b"child"),
        lambda: space.touch(b"k", 10),
        lambda: db.get_view(b"k"),
        lambda: db.namespace("space"),
        lambda: db.drop_namespace("space"),
        lambda: db.checkpoint(path),
        lambda: db.pin_history("pin", 0),
        lambda: snapshot.get(b"k"),
        lambda: b"k" in inner,
    ]
    uses += [db.changes, db.namespaces, db.snapshot, db.history_pins, space.snapshot, space.scan]
    uses += [space.__len__, space.items, snapshot.keys, snapshot.scan, inner.items, inner.__enter__]
    if "cursor" in kept:
        uses += [kept["cursor"].first, kept["cursor"].next]
    return uses


def test_what_a_store_has_given_out_is_refused_in_the_child_and_goes_on_in_the_parent(
    kind: Kind, tmp_path: Path
) -> None:
    """A feed of the parent waits in another thread while it forks. The items of a snapshot once
    told the child that their store was closed."""
    db = kind.open(tmp_path / "db")
    space = db.namespace("space", create=True)
    db[b"k"], space[b"k"] = b"v", b"in space"
    db.sync()
    view = db.get_view(b"k")
    kept = {"space": space, "feed": db.changes(), "scan": space.scan(), "view": view}
    kept |= {"snapshot": db.snapshot(), "inner": space.snapshot()}
    kept |= {"waiting": db.changes(db.last_seq, follow=True)}
    if "order" in db.features:
        kept["cursor"] = space.cursor()
    told: list[bytes] = []
    thread = threading.Thread(target=lambda: told.append(next(kept["waiting"]).key))
    thread.start()

    def work() -> None:
        for use in uses_of(db, kept, tmp_path / "copy"):
            with pytest.raises(ForkedError):
                use()
        assert bytes(kept["view"]) == b"v"
        for name in ("snapshot", "inner", "space"):
            kept[name].close()
        kept.clear()
        gc.collect()
        db.close()

    assert [in_child(work) for _ in range(3)] == [0] * 3
    space.put(b"after", b"v", sync=True)
    thread.join(60)
    assert told == [b"after"]
    assert [change.key for change in kept["feed"]] == [b"space", b"k", b"k"]
    assert list(kept["scan"]) == [(b"k", b"in space")]
    assert (kept["snapshot"][b"k"], kept["inner"][b"k"], bytes(view)) == (b"v", b"in space", b"v")
    db.close()
    assert not (tmp_path / "copy").exists()


def test_a_batch_of_the_parent_is_refused_in_the_child(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db, db.batch() as batch:
        batch.put(b"k", b"v")

        def work() -> None:
            with pytest.raises(ForkedError):
                batch.__exit__(None, None, None)

        assert in_child(work) == 0
    with kind.open(tmp_path / "db") as db:
        assert dict(db.items()) == {b"k": b"v"}


def test_a_child_opens_for_itself_what_its_parent_closed(kind: Kind, tmp_path: Path) -> None:
    def work() -> None:
        with kind.open(tmp_path / "db") as db:
            assert db[b"k"] == b"parent"
            db[b"k"] = b"child"
            assert db.stats()["background_thread_count"] == kind.options().background_threads

    with kind.open(tmp_path / "db") as db:
        db[b"k"] = b"parent"
        assert in_child(lambda: can_open(kind, tmp_path / "db") and 1 / 0) == 0
    assert in_child(work) == 0
    with kind.open(tmp_path / "db") as db:
        assert db[b"k"] == b"child"


def test_a_child_reads_beside_its_parent(kind: Kind, tmp_path: Path) -> None:
    with kind.open(tmp_path / "db") as db:
        db[b"k"] = b"before"

        def work() -> None:
            with kind.open(tmp_path / "db", read_only=True) as reader:
                assert reader[b"k"] == b"before"

        assert in_child(work) == 0
        db[b"k"] = b"after"
        assert db[b"k"] == b"after"


def test_a_child_that_lives_on_does_not_keep_the_lock_of_a_killed_parent(
    kind: Kind, tmp_path: Path
) -> None:
    """The lock of a file belongs to all processes that inherited it: a worker once kept a database
    locked in the name of its dead owner."""
    out, into = os.pipe()

    def own() -> None:
        db = kind.open(tmp_path / "db")
        db[b"k"] = b"v"
        worker = fork(lambda: time.sleep(60))
        os.write(into, b"%d\n" % worker)
        time.sleep(60)

    owner = fork(own)
    worker = int(os.read(out, 100))
    assert not can_open(kind, tmp_path / "db")
    os.kill(owner, signal.SIGKILL)
    assert wait_for(owner) == -signal.SIGKILL
    try:
        os.kill(worker, 0)
        wait_until(lambda: can_open(kind, tmp_path / "db"))
        with kind.open(tmp_path / "db") as db:
            assert db[b"k"] == b"v"
    finally:
        os.kill(worker, signal.SIGKILL)
        os.close(out)
        os.close(into)


def test_workers_of_multiprocessing_get_a_named_error(kind: Kind, tmp_path: Path) -> None:
    code = """
import multiprocessing, sys, warnings, pykv
warnings.simplefilter("ignore", DeprecationWarning)
db = pykv.open(sys.argv[1], engine=sys.argv[2])
db[b"k"] = b"v"

def work(number):
    try:
        db[b"k"]
    except pykv.ForkedError as error:
        return "after the fork" in str(error)

with multiprocessing.get_context("fork").Pool(3) as pool:
    assert pool.map(work, range(20)) == [True] * 20
assert db[b"k"] == b"v"
db.close()
"""
    done = run_program(code, tmp_path / "db", kind.name)
    assert (done.returncode, done.stderr) == (0, "")
