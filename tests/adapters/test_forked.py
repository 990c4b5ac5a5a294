"""A forked child has the databases of its parent in its memory, and must end none of them."""

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.errors import ForkedError, NotSupportedError
from tests.adapters.test_adapters import HERE, ROWS, adapters
from tests.crash.processes import fork, in_child, run_program, wait_for

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.mark.skipif("lmdb" not in HERE, reason="needs LMDB")
def test_the_end_of_a_snapshot_in_a_child_leaves_that_of_the_parent(tmp_path: Path) -> None:
    """The child gave back the slot of the parent's read transaction, and the next writer wrote over
    the pages of the snapshot."""
    with pykv.open(tmp_path / "db", engine="lmdb") as db:
        db.update(ROWS)
        held: list[Any] = [db.snapshot()]
        snapshot = held[0]
        child = os.fork()
        if child == 0:
            del snapshot
            held.clear()
            gc.collect()
            os._exit(0)
        assert wait_for(child) == 0
        for value in (b"x", b"y", b"z"):
            db.update(dict.fromkeys(ROWS, value * 100))
        assert dict(snapshot.items()) == ROWS


@adapters
def test_a_child_that_exits_as_programs_do_ends_nothing_of_its_parent(
    tmp_path: Path, engine: str
) -> None:
    """The end of a RocksDB removes files that it does not know: those of the parent."""
    code = """
import os, sys, warnings, pykv
warnings.simplefilter("ignore", DeprecationWarning)
db = pykv.open(sys.argv[1], engine=sys.argv[2])
db.update({b"%d" % i: b"before" for i in range(1000)})
iterator = db.scan()
next(iterator)
snapshot = db.snapshot() if pykv.supports(db, "snapshot") else None
go, gone = os.pipe(), os.pipe()
child = os.fork()
if child == 0:
    os.read(go[0], 1)
    sys.exit(0)
for turn in range(5):
    db.update({b"%d-%d" % (turn, i): b"after" * 20 for i in range(1000)})
    db.compact()
os.write(go[1], b"x")
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert db.count() == 6000
assert snapshot is None or snapshot.count() == 1000
assert sum(1 for _ in iterator) == 999
del iterator
if snapshot is not None:
    snapshot.close()
db.close()
with pykv.open(sys.argv[1]) as db:
    assert db.verify().ok and db.count() == 6000
print("whole")
"""
    done = run_program(code, tmp_path / "db", engine)
    assert (done.stdout, done.stderr, done.returncode) == ("whole\n", "", 0)


@adapters
def test_a_child_that_was_forked_beside_a_writer_is_told_so(tmp_path: Path, engine: str) -> None:
    """It waited for the turn of a thread that it has not."""
    db: Any = pykv.open(tmp_path / "db", engine=engine, durability="sync")
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            db[b"k"] = b"v"

    def refused() -> None:
        for attempt in (lambda: db.put(b"k", b"v"), db.sync, db.compact, lambda: db[b"k"]):
            with pytest.raises(ForkedError):
                attempt()
        db.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            time.sleep(0.002)
            assert in_child(refused) == 0
    finally:
        ended.set()
        writer.join()
        db.close()


@adapters
def test_a_child_that_lives_on_keeps_no_lock(tmp_path: Path, engine: str) -> None:
    db = pykv.open(tmp_path / "db", engine=engine)
    out, into = os.pipe()
    child = fork(lambda: os.read(out, 1))
    try:
        db.close()
        pykv.open(tmp_path / "db").close()
    finally:
        os.write(into, b"x")
        wait_for(child)
        os.close(out)
        os.close(into)
    pykv.open(tmp_path / "db").close()


@pytest.mark.skipif("lmdb" not in HERE, reason="needs LMDB")
def test_a_child_has_no_part_in_an_environment_of_its_parent(tmp_path: Path) -> None:
    """It read in the parent's name: a child that was killed kept pages for as long as the parent
    lived."""
    with pykv.open(tmp_path / "db", engine="lmdb"):

        def read() -> None:
            with pytest.raises(NotSupportedError, match="forked from"):
                pykv.open(tmp_path / "db", read_only=True)

        assert in_child(read) == 0
    assert in_child(lambda: pykv.open(tmp_path / "db", read_only=True).close()) == 0
