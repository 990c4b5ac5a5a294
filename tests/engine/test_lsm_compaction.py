"""Compaction of an LSM store as an option: leveled or lazy, and from one to the other."""

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
            db.put_many((b"%06d" % (key * 7919 % 30_000), bytes(200)) for key in range(30_000))
            db.flush()
            written[name] = db.stats()["write_amplification"]
    assert written["lazy"] < 0.8 * written["leveled"]
