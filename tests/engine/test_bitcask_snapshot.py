"""Snapshots of Bitcasks: what they keep, what that costs, and when it is given back."""

import contextlib
import itertools
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.bitcask import Bitcask
from pykv.errors import NotSupportedError, SnapshotGoneError
from pykv.options import BitcaskOptions

OPTIONS = BitcaskOptions(segment_bytes=1 << 20, background_threads=0)


def open_logs(path: Path) -> int:
    """Number of segments that the process holds, those whose names are gone too."""
    held = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(each.readlink())
            held += target.startswith(str(path)) and ".log" in target
    return held


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc here")
def test_the_files_it_keeps_are_let_go_when_it_is_closed(tmp_path: Path) -> None:
    rows = {b"%05d" % i: b"v" * 1_000 for i in range(3_000)}
    with Bitcask(tmp_path, OPTIONS) as db:
        db.update(rows)
        before = open_logs(tmp_path)
        kept = db.snapshot()
        db.clear()
        db.compact()
        assert open_logs(tmp_path) >= before
        assert dict(kept.items()) == rows
        kept.close()
        db.compact()
        assert open_logs(tmp_path) < before


def test_a_key_that_changes_for_ever_costs_one_entry(tmp_path: Path) -> None:
    with Bitcask(tmp_path, OPTIONS) as db:
        db[b"k"] = b"0"
        with db.snapshot() as kept:
            for number in range(20_000):
                db.put(b"k", b"%d" % number)
            assert db.stats()["undo_bytes"] <= 1 << 16
            assert kept[b"k"] == b"0"
        db[b"k"] = b"1"
        assert db.stats()["undo_bytes"] == 0


def test_one_that_outgrows_its_memory_ends_and_writes_go_on(tmp_path: Path) -> None:
    old = {b"%05d" % i: b"old" for i in range(3_000)}
    new = dict.fromkeys(old, b"new")
    with pykv.open(tmp_path, engine="bitcask", undo_bytes_max=64 * 1024) as db:
        db.update(old)
        forgotten, scan = db.snapshot(), db.scan()
        db.update(new)
        for read in (
            lambda: forgotten[b"00000"],
            lambda: forgotten.get_many([b"00000", b"00001"]),
            lambda: forgotten.get_view(b"00000"),
            lambda: len(forgotten),
            lambda: list(forgotten.scan()),
            lambda: forgotten.expires_at(b"00000"),
            lambda: list(scan),
        ):
            with pytest.raises(SnapshotGoneError, match="larger undo_bytes_max") as caught:
                read()
            assert caught.value.path == tmp_path
        stats = db.stats()
        assert stats["undo_bytes"] <= 64 * 1024
        assert stats["outgrown_snapshot_count"] == 2
        assert (stats["open_snapshot_count"], stats["open_scan_count"]) == (0, 0)
        forgotten.close()
        with db.snapshot() as kept:
            assert dict(kept.items()) == new
            db.delete(b"00000")
            assert kept[b"00000"] == b"new"


def test_reads_beside_writes_are_of_their_moment_or_say_that_it_is_gone(tmp_path: Path) -> None:
    keys = [b"%05d" % i for i in range(3_000)]
    over = threading.Event()

    def overwrite(db: Any) -> None:
        for number in itertools.count(1):
            some = (number * 50) % len(keys)
            db.put_many((key, b"%d" % number) for key in keys[some : some + 50])
            if over.wait(0.001):
                return

    with pykv.open(tmp_path, engine="bitcask", undo_bytes_max=64 * 1024) as db:
        db.put_many((key, b"0") for key in keys)
        writer = threading.Thread(target=overwrite, args=(db,))
        writer.start()
        try:
            whole = gone = 0
            until = time.monotonic() + 60
            while (whole < 5 or gone < 5) and time.monotonic() < until:
                with db.snapshot() as kept:
                    try:
                        first = kept.get_many(keys)
                        assert None not in first
                        assert [value for _, value in sorted(kept.scan())] == first
                        whole += 1
                        while gone < 5:
                            assert kept.get_many(keys) == first
                    except SnapshotGoneError:
                        gone += 1
        finally:
            over.set()
            writer.join()
        assert whole >= 5
        assert gone >= 5


@pytest.mark.parametrize("call", ["first", "last", "cursor"])
def test_it_has_no_order_and_says_so(tmp_path: Path, call: str) -> None:
    with Bitcask(tmp_path, OPTIONS) as db, db.snapshot() as kept:
        with pytest.raises(NotSupportedError, match="order"):
            getattr(kept, call)()
        with pytest.raises(NotSupportedError, match="start"):
            kept.count(b"a")
        with pytest.raises(NotSupportedError, match="prefix"):
            kept.scan(prefix=b"a")


def test_a_scan_of_it_goes_on_when_it_is_closed(tmp_path: Path) -> None:
    with Bitcask(tmp_path, OPTIONS) as db:
        db.put_many((b"%05d" % i, b"v" * 100) for i in range(2_000))
        kept = db.snapshot()
        rows = kept.scan()
        kept.close()
        db.clear()
        db.compact()
        assert sum(1 for _ in rows) == 2_000
