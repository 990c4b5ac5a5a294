"""Snapshots of Bitcasks: what they keep, what that costs, and when it is given back."""

import contextlib
from pathlib import Path

import pytest

from pykv.engine.bitcask import Bitcask
from pykv.errors import NotSupportedError
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
