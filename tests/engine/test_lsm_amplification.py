"""What stats() of an LSM store tells of its read and space amplification."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pykv

ROWS = 20_000
VALUE = b"v" * 100
# Nothing is flushed or merged but what a test asks for, and nothing is compressed.
QUIET = {"background_threads": 0, "memtable_bytes": 32 << 20, "compression": "none"}


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Any]:
    with pykv.open(tmp_path / "db", engine="lsm", **QUIET) as db:
        yield db


def fill(db: Any, first: int = 0, step: int = 1) -> None:
    db.put_many((b"%08d" % number, VALUE) for number in range(first, ROWS, step))
    db.flush()


def get(db: Any, first: int, step: int) -> int:
    """Gets some keys, and returns how many."""
    keys = [b"%08d" % number for number in range(first, ROWS, step)]
    for key in keys:
        db.get(key)
    return len(keys)


def test_a_get_of_a_memtable_looks_into_no_block(db: Any) -> None:
    assert db.stats()["read_amplification"] == 0
    db[b"k"] = VALUE
    assert (db[b"k"], db.get(b"no")) == (VALUE, None)
    stats = db.stats()
    assert (stats["get_count"], stats["get_block_count"], stats["read_amplification"]) == (2, 0, 0)


def test_a_get_of_one_table_looks_into_one_block_cached_or_not(db: Any) -> None:
    fill(db)
    asked = get(db, 0, 7) + get(db, 0, 7)
    stats = db.stats()
    assert (stats["get_count"], stats["get_block_count"]) == (asked, asked)
    assert stats["read_amplification"] == 1
    db.get_many([b"%08d" % number for number in range(100)])
    stats = db.stats()
    assert stats["read_amplification"] == stats["get_block_count"] / stats["get_count"]


def test_filters_spare_the_blocks_of_tables_without_the_key(tmp_path: Path) -> None:
    for bits, lowest, highest in ((10.0, 1.0, 1.1), (0.0, 1.4, 2.0)):
        path = tmp_path / str(bits)
        with pykv.open(path, engine="lsm", filter_bits_per_key=bits, **QUIET) as db:
            fill(db, 0, 2)
            fill(db, 1, 2)
            get(db, 0, 1)
            assert lowest <= db.stats()["read_amplification"] <= highest


def test_rows_without_overwrites_take_what_they_weigh(db: Any) -> None:
    fill(db)
    db.compact()
    assert db.stats()["space_amplification"] == pytest.approx(1, abs=0.05)


def test_overwritten_rows_count_until_they_are_compacted(db: Any) -> None:
    fill(db)
    db.compact()
    fill(db)
    db.compact()
    before = db.stats()
    fill(db)
    after = db.stats()
    assert before["space_amplification"] == pytest.approx(1, abs=0.05)
    assert after["disk_bytes"] > 1.8 * before["disk_bytes"]
    assert 1.4 < after["space_amplification"] < 2.1
    db.compact()
    assert db.stats()["space_amplification"] == pytest.approx(1, abs=0.05)


def test_the_numbers_begin_again_with_each_open(db: Any) -> None:
    fill(db)
    get(db, 0, 50)
    path = db.path
    db.close()
    with pykv.open(path, engine="lsm") as again:
        stats = again.stats()
        assert (stats["get_block_count"], stats["read_amplification"]) == (0, 0)
