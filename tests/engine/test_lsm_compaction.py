"""Compaction of an LSM store as an option: leveled or lazy, and from one to the other."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import pykv

SMALL: dict[str, Any] = {
    "engine": "lsm",
    "memtable_bytes": 1 << 16,
    "table_bytes": 1 << 16,
    "compression": "none",
    "background_threads": 0,
}


def overwrite(db: pykv.Lsm, begin: int, end: int) -> None:
    """Writes 300 rows of 1,000 bytes again and again; the last time wins."""
    for number in range(begin, end):
        db.put_many((b"%04d" % key, b"%04d" % number * 250) for key in range(300))


@pytest.mark.parametrize(("first", "then"), [("leveled", "lazy"), ("lazy", "leveled")])
def test_a_store_goes_on_with_the_other_compaction(tmp_path: Path, first: str, then: str) -> None:
    expected = [(b"%04d" % key, b"0019" * 250) for key in range(300)]
    with pykv.open(tmp_path, compaction=first, **SMALL) as db:
        overwrite(db, 0, 10)
    with pykv.open(tmp_path, compaction=then, **SMALL) as db:
        overwrite(db, 10, 20)
        assert list(db.items()) == expected
        db.compact()
        assert db.stats()["level_bytes"][0] == 0
        assert list(db.items()) == expected


def test_lazy_compaction_writes_less(tmp_path: Path) -> None:
    written = {}
    for name in ("leveled", "lazy"):
        with pykv.open(tmp_path / name, compaction=name, **SMALL) as db:
            db.put_many((b"%06d" % (key * 7919 % 180_000), bytes(200)) for key in range(180_000))
            db.flush()
            written[name] = db.stats()["write_amplification"]
    assert written["lazy"] < 0.95 * written["leveled"]


def damage_a_table(path: Path) -> None:
    """Leaves a closed store with rows around one that is damaged, in a table of its own."""
    with pykv.open(path, **SMALL) as db:
        db.put_many([(b"0000", b"v"), (b"0150 damaged", b"damaged " * 100), (b"0299", b"v")])
        db.flush()
    (table,) = path.glob("*.tbl")
    table.write_bytes(table.read_bytes().replace(b"damaged damaged", b"Damaged damaged", 1))


def test_a_store_that_cannot_compact_says_so_and_serves(tmp_path: Path) -> None:
    damage_a_table(tmp_path)
    with pykv.open(tmp_path, **(SMALL | {"background_threads": 2})) as db:
        for number in range(10):
            db.put_many((b"%04d" % key, b"%d" % number) for key in range(0, 300, 2))
            db.flush()
        deadline = time.monotonic() + 20
        while db.state != "degraded":
            assert time.monotonic() < deadline, db.state
            time.sleep(0.002)
        db.put(b"new", b"row")
        db.flush()
        assert db.get(b"new") == b"row"
        assert db.get(b"0002") == b"9"
        assert db.state == "degraded"


SHORT_LIVES = """
import resource, sys
import pykv
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
for number in range(160):
    with pykv.open(sys.argv[1], engine="lsm") as db:
        db.put(b"%06d" % number, b"%d" % number)
        db.flush()
with pykv.open(sys.argv[1], engine="lsm") as db:
    assert list(db.items()) == [(b"%06d" % number, b"%d" % number) for number in range(160)]
"""


def test_a_store_of_many_short_lives_opens_with_few_files(tmp_path: Path) -> None:
    """Each life once left a table, until the process had no descriptors for them."""
    command = [sys.executable, "-c", SHORT_LIVES, str(tmp_path / "db")]
    subprocess.run(command, check=True, timeout=120)


@pytest.mark.parametrize("compaction", ["leveled", "lazy"])
def test_small_tables_and_value_segments_become_few(tmp_path: Path, compaction: str) -> None:
    """Each flush of a value once left a table and a value segment, whatever was compacted."""
    with pykv.open(
        tmp_path, engine="lsm", compaction=compaction, value_log_bytes_min=100, compression="none"
    ) as db:
        for number in range(200):
            db.put(b"%06d" % number, b"%06d" % number * 50)
            db.flush()
        db.compact()
        stats = db.stats()
        assert stats["table_count"] <= 10
        assert stats["value_segment_count"] <= 20
        assert all(db[b"%06d" % number] == b"%06d" % number * 50 for number in range(200))
