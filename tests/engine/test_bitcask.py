"""The Bitcask store where it differs from others: options, files, space."""

from pathlib import Path

import pytest

import pykv
from pykv._native import ffi, lib
from pykv.engine.bitcask import Bitcask
from pykv.errors import InvalidOptionError
from pykv.options import BitcaskOptions
from tests.engine.bitcask_files import Make, segments
from tests.engine.store_files import rows

# ---- opening ----


def test_a_directory_remembers_that_it_is_a_bitcask(path: Path) -> None:
    with pykv.open(path, engine="bitcask") as db:
        assert isinstance(db, Bitcask)
        db[b"k"] = b"v"
    with pykv.open(path) as db:
        assert isinstance(db, Bitcask)
        assert db[b"k"] == b"v"


# ---- options ----


def test_small_segments_make_many_files(make: Make, path: Path) -> None:
    db = make(segment_bytes=65_536)
    db.update(rows(10_000))
    assert db.stats()["segment_count"] > 5
    assert len(segments(path)) > 5


def test_the_size_of_segments_may_change_on_reopen(make: Make) -> None:
    """The active file once took its whole new size at an old address, over the file behind it, and
    the store did not open any more."""
    with make(segment_bytes=65_536, background_threads=0) as db:
        db.update(rows(3_000))
        db.update({key: rows(3_000)[key] for key in list(rows(3_000))[::2]})
        # The next file is made ahead of need, so that merging puts its own behind it.
        more = ffi.new("int32_t *")
        assert lib.pykv_maintain_step(db._handle.pointer, lib.PYKV_ROLE_LOG, more) == 0
        db.compact()
        db[b"last"] = b"1"
    with make(segment_bytes=64 << 20) as db:
        assert dict(db.items()) == rows(3_000) | {b"last": b"1"}
        db.update(rows(3_000, 200))
    with make() as db:
        assert dict(db.items()) == rows(3_000, 200) | {b"last": b"1"}


def test_a_batch_larger_than_an_empty_file_gets_one_of_its_own(make: Make, path: Path) -> None:
    """An empty active file took any batch, also one that its mapping did not cover: reads then ran
    past the end of the mapping, into whatever lay behind it."""
    db = make(segment_bytes=65_536, background_threads=0)
    db.delete(b"absent")
    (small,) = path.glob("*.log")
    db.put_many(rows(1_000).items(), atomic=True)
    assert small.stat().st_size <= 65_536
    assert dict(db.items()) == rows(1_000)
    assert db.get_many(list(rows(1_000))) == list(rows(1_000).values())


# ---- state and statistics ----


def test_bytes_that_are_live_are_counted(make: Make) -> None:
    db = make(mapped_reads=False, log_sink="pwrite")
    db.update(rows(1_000))
    db.delete(b"key 000000")
    stats = db.stats()
    assert 0 < stats["live_bytes"] <= stats["disk_bytes"]
    assert stats["hot_mode"] is False


def test_the_approximate_length_is_exact(make: Make) -> None:
    db = make()
    db.update(rows(321))
    assert db.approximate_len() == len(db) == 321


# ---- files ----


def test_flush_begins_another_file(make: Make) -> None:
    db = make()
    db[b"a"] = b"1"
    before = db.stats()["segment_count"]
    db.flush()
    db[b"b"] = b"2"
    assert db.stats()["segment_count"] > before
    assert dict(db.items()) == {b"a": b"1", b"b": b"2"}


def test_an_option_that_the_core_refuses_is_named(path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="segment_bytes"):
        BitcaskOptions(segment_bytes=1)
    assert not path.exists()
