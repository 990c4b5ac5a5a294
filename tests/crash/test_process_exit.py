"""The end of the interpreter with a store in every state: no crash, no hang, nothing lost."""

import os
import signal
from pathlib import Path

import pytest
from tests.crash.processes import fork, run_program, wait_for
from tests.engine.native_kinds import Kind

OPEN = """
import atexit, os, sys, threading, time
import pykv
path = sys.argv[1]
db = pykv.open(path, engine=ENGINE, **SMALL)
db.update({b"%06d" % i: b"v" * 100 for i in range(3_000)})
"""


def program(kind: Kind, rest: str) -> str:
    """The code of a program that opens a store and fills it before the rest."""
    return f"ENGINE, SMALL = {kind.name!r}, {dict(kind.small)!r}\n{OPEN}{rest}"


LEFT_OPEN = {
    "left open": "",
    "a scan under way": "scan = db.scan(); next(scan)",
    "scans and views in a cycle": """
class Holder: pass
holder = Holder()
holder.parts = [db, db.scan(), db.items(), iter(db), holder]
del db
""",
    "an exception": "raise SystemExit(0)",
    "a batch under way": "batch = db.batch().__enter__(); batch.put(b'k', b'v')",
    "compaction in another thread": """
def compact():
    while True:
        db.update({b"%06d" % i: b"w" * 100 for i in range(3_000)})
        db.compact()
threading.Thread(target=compact, daemon=True).start()
time.sleep(0.3)
""",
    "readers and writers in other threads": """
def write():
    while True:
        db.put(b"%06d" % (time.monotonic_ns() % 3_000), b"w" * 100)
def read():
    while True:
        dict(db.scan())
for work in (write, write, read, read):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
""",
    "all that a store gives out": """
space = db.namespace("space", create=True)
space.put(b"k", b"v", sync=True)
kept = [db.snapshot(), space.snapshot(), db.get_view(b"000007"), space.scan(), db.changes()]
kept.append(db.changes(follow=True, unsynced=True))
kept.append(db.cursor() if "order" in db.features else db.scan_keys())
for each in kept[3:6]:
    next(each)
""",
    "the same in a cycle": """
class Holder: pass
holder = Holder()
space = db.namespace("space", create=True)
holder.parts = [space, space.snapshot(), db.get_view(b"000007"), db.changes(), holder, db]
del db, space
""",
    "feeds that wait in other threads": """
def follow(since):
    for change in db.changes(since, follow=True):
        pass
db.sync()
for since in (0, db.last_seq, db.last_seq):
    threading.Thread(target=follow, args=(since,), daemon=True).start()
time.sleep(0.2)
""",
    "another opened in a finalizer": """
class Late:
    def __del__(self):
        self.db = pykv.open(path + "-late", engine=ENGINE)
        self.db[b"k"] = b"v"
late = Late()
""",
}


@pytest.mark.parametrize("state", LEFT_OPEN)
def test_a_store_left_open_is_closed_at_exit(kind: Kind, tmp_path: Path, state: str) -> None:
    done = run_program(program(kind, LEFT_OPEN[state]), tmp_path / "db")
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" in done.stderr
    assert "Fatal" not in done.stderr
    with kind.open(tmp_path / "db") as db:
        assert len(db) == 3_000
        assert db.stats()["clean_open"]
        assert db.verify().ok


SILENT = {
    "closed": "db.close()",
    "closed in a with block": "with db: pass",
    "closed before what it has given out": """
space = db.namespace("space", create=True)
kept = [db.snapshot(), space.snapshot(), db.get_view(b"000007"), db.changes(), space.scan(), space]
db.close()
""",
    "used and closed by an exit handler": """
def finish():
    db[b"at exit"] = b"v"
    db.close()
atexit.register(finish)
""",
    "closed by another thread that ends last": """
def finish():
    time.sleep(0.3)
    db.close()
threading.Thread(target=finish).start()
""",
}


@pytest.mark.parametrize("state", SILENT)
def test_a_store_that_is_closed_in_time_exits_in_silence(
    kind: Kind, tmp_path: Path, state: str
) -> None:
    done = run_program(program(kind, SILENT[state]), tmp_path / "db")
    assert (done.returncode, done.stderr) == (0, "")
    with kind.open(tmp_path / "db") as db:
        assert len(db) >= 3_000
        assert db.stats()["clean_open"]


def test_an_exit_without_handlers_loses_nothing(kind: Kind, tmp_path: Path) -> None:
    done = run_program(program(kind, "os._exit(7)"), tmp_path / "db")
    assert done.returncode == 7
    with kind.open(tmp_path / "db") as db:
        assert len(db) == 3_000
        assert not db.stats()["clean_open"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGABRT, signal.SIGSEGV])
def test_a_deadly_signal_loses_nothing(kind: Kind, tmp_path: Path, number: signal.Signals) -> None:
    out, into = os.pipe()

    def work() -> None:
        signal.signal(number, signal.SIG_DFL)
        db = kind.open(tmp_path / "db")
        for i in range(500):
            db[b"%d" % i] = b"v"
        os.write(into, b"written")
        signal.pause()

    child = fork(work)
    assert os.read(out, 10) == b"written"
    os.close(out)
    os.close(into)
    os.kill(child, number)
    assert wait_for(child) == -number
    with kind.open(tmp_path / "db") as db:
        assert len(db) == 500
        assert db.verify().ok
