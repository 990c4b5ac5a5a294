"""Compactions of a range of an LSM store."""

from pathlib import Path

import pytest

import pykv
from pykv.engine.lsm import Lsm
from pykv.options import LsmOptions


def two_tables(path: Path) -> Lsm:
    db = Lsm(path, LsmOptions(compression="none"))
    for first in (0, 500):
        db.put_many((b"%04d" % number, b"v" * 10) for number in range(first, first + 100))
        db.flush()
    return db


def test_the_tables_of_a_range_go_down_alone(tmp_path: Path) -> None:
    with two_tables(tmp_path) as db:
        db.compact(b"0200", b"0500")
        assert db.stats()["level_table_count"][0] == 2
        db.compact(b"0550")
        assert db.stats()["level_table_count"][0] == 1
        db.compact(stop=b"0000")
        assert db.stats()["level_table_count"][0] == 1
        db.compact(stop=b"0001")
        assert db.stats()["level_table_count"][0] == 0
        assert db.count() == 200


def test_bounds_in_the_wrong_order_hold_nothing(tmp_path: Path) -> None:
    with two_tables(tmp_path) as db:
        db.compact(b"9", b"0")
        assert db.stats()["level_table_count"][0] == 2


def test_progress_counts_the_tables_of_the_range(tmp_path: Path) -> None:
    totals: list[int] = []
    with two_tables(tmp_path) as db:
        db.compact(b"0550", progress=lambda done, total: totals.append(total))
        assert totals
        assert 0 < totals[0] < db.stats()["disk_bytes"]


def test_a_bitcask_takes_no_range(tmp_path: Path) -> None:
    with pykv.open(tmp_path, engine="bitcask") as db, pytest.raises(pykv.NotSupportedError):
        db.compact(b"a")
