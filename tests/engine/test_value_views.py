"""What views of native stores keep: counted, bounded, and given back."""

import gc
from pathlib import Path
from typing import Any

import pytest

import pykv

LARGE = b"v" * 10_000


def counts(db: Any) -> tuple[int, int, int]:
    stats = db.stats()
    return stats["view_count"], stats["pinned_bytes"], stats["view_copy_count"]


@pytest.mark.parametrize("engine", ["bitcask", "lsm"])
def test_views_are_counted_until_the_last_slice_is_gone(tmp_path: Path, engine: str) -> None:
    with pykv.open(tmp_path / "data", engine=engine) as db:
        db[b"k"] = LARGE
        db.flush()
        view: Any = db.get_view(b"k")
        part = view[5:10]
        views, pinned, copies = counts(db)
        assert (views, copies) == (1, 0)
        assert len(LARGE) <= pinned <= 2 * len(LARGE)
        del view
        gc.collect()
        assert counts(db)[0] == 1
        part.release()
        gc.collect()
        assert counts(db) == (0, 0, 0)


def test_a_view_of_a_cached_block_is_not_a_copy(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "data") as db:
        db[b"k"] = LARGE
        db.flush()
        one, other = db.get_view(b"k"), db.get_view(b"k")
        assert one is not None
        assert other is not None
        assert _address(one) == _address(other)


def _address(view: memoryview) -> int:
    numpy = pytest.importorskip("numpy")
    address: int = numpy.frombuffer(view, dtype=numpy.uint8).ctypes.data
    return address


def test_what_views_keep_is_a_quarter_of_the_memory_budget_at_most(tmp_path: Path) -> None:
    budget = 16 << 20
    with pykv.open(tmp_path / "data", memory_budget_bytes=budget, memtable_bytes=1 << 20) as db:
        keys = [b"%05d" % number for number in range(1500)]
        db.put_many((key, key * 1000) for key in keys)
        db.compact()
        views: list[Any] = [db.get_view(key) for key in keys]
        count, pinned, copies = counts(db)
        assert count == len(keys)
        assert budget // 8 < pinned <= budget // 4
        assert 0 < copies < len(keys)
        assert all(view == key * 1000 for view, key in zip(views, keys, strict=True))
        del views
        gc.collect()
        assert counts(db)[:2] == (0, 0)


def test_views_of_a_store_that_cannot_map_are_copies(tmp_path: Path) -> None:
    with pykv.open(tmp_path / "data", engine="bitcask", mapped_reads=False) as db:
        db[b"k"] = LARGE
        view: Any = db.get_view(b"k")
        assert view == LARGE
        assert counts(db) == (1, 0, 1)
