"""The Bitcask store where it differs from others: files, options, states, upkeep, repair."""

import _thread
import errno
import signal
import time
from pathlib import Path

import pytest

import pykv
from pykv._native import ffi, lib
from pykv.engine import bitcask
from pykv.engine.bitcask import Bitcask
from pykv.errors import (
    BatchTooLargeError,
    FormatError,
    InvalidOptionError,
    LockedError,
    ReadOnlyError,
)
from pykv.options import BitcaskOptions
from tests.engine.bitcask_files import Make, bytes_on_disk, rows, segments

# ---- opening ----


def test_a_new_directory_gets_a_bitcask_and_remembers_it(path: Path) -> None:
    with pykv.open(path) as db:
        assert isinstance(db, Bitcask)
        db[b"k"] = b"v"
    with pykv.open(path) as db:
        assert isinstance(db, Bitcask)
        assert db[b"k"] == b"v"


def test_the_class_opens_a_path_by_itself(make: Make, path: Path) -> None:
    db = make()
    assert db.path == path
    assert repr(db) == f"<pykv.Bitcask {str(path)!r} open>"


def test_it_needs_a_path() -> None:
    with pytest.raises(TypeError, match="path"):
        Bitcask(None)
    with pytest.raises(TypeError, match="path"):
        pykv.open(engine="bitcask")  # type: ignore[call-overload]  # the error is the point


def test_a_directory_of_another_engine_is_refused_and_left_alone(path: Path) -> None:
    path.mkdir()
    (path / "CURRENT").write_text("MANIFEST-000001\n")
    before = sorted(path.iterdir())
    for options in ({}, {"read_only": True}, {"create": False}):
        with pytest.raises(FormatError, match="LevelDB") as caught:
            pykv.open(path, engine="bitcask", **options)
        assert caught.value.path == path
    for call in (pykv.open, pykv.repair, pykv.destroy):
        with pytest.raises(FormatError, match="choose another"):
            call(path)
    assert sorted(path.iterdir()) == before


def test_a_directory_of_other_files_is_refused_and_an_empty_one_taken(path: Path) -> None:
    """A database was once made between the files of whatever was there."""
    path.mkdir()
    (path / ".gitkeep").touch()
    notes = path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(FormatError, match=r"notes\.txt"):
        pykv.open(path)
    assert sorted(path.iterdir()) == [path / ".gitkeep", notes]
    notes.unlink()
    pykv.open(path).close()
    notes.write_text("beside the database")
    pykv.open(path).close()


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
def test_a_database_that_is_not_there_is_named(
    path: Path, exists: bool, options: dict[str, bool]
) -> None:
    """The error of an empty directory once named no file."""
    if exists:
        path.mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        Bitcask(path, BitcaskOptions(**options))  # type: ignore[arg-type]  # one field of bool
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.ENOENT


def test_a_database_that_is_there_already_is_named(make: Make, path: Path) -> None:
    make().close()
    with pytest.raises(FileExistsError) as caught:
        Bitcask(path, BitcaskOptions(error_if_exists=True))
    assert caught.value.filename == str(path)


def test_a_path_that_is_a_file_is_named(path: Path) -> None:
    path.write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        Bitcask(path)
    assert caught.value.filename == str(path)


def test_detect_knows_its_own(make: Make, path: Path, tmp_path: Path) -> None:
    make().close()
    assert bitcask.detect(path)
    (tmp_path / "empty").mkdir()
    assert not bitcask.detect(tmp_path / "empty")
    with pytest.raises(FormatError, match="no database of pykv"):
        bitcask.detect(tmp_path)


def test_a_second_opener_learns_who_holds_it(make: Make, path: Path) -> None:
    import os

    make()
    with pytest.raises(LockedError, match="Close the other one") as caught:
        Bitcask(path)
    assert (caught.value.path, caught.value.pid) == (path, os.getpid())


def test_open_goes_on_where_the_working_directory_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Bitcask(Path("db"), BitcaskOptions(segment_bytes=65_536)) as db:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        db.update(rows(2_000))
    assert not (tmp_path / "elsewhere" / "db").exists()
    with Bitcask(tmp_path / "db") as db:
        assert len(db) == 2_000


def test_open_is_cheap(make: Make) -> None:
    """The threads lent at open must not make it dear: 5 ms is the goal for a million keys."""
    make().close()
    times = []
    for _ in range(5):
        began = time.perf_counter()
        db = make()
        times.append(time.perf_counter() - began)
        db.close()
    assert min(times) < 0.05


# ---- options ----


def test_the_durability_in_force_is_stated(make: Make) -> None:
    for durability in ("os", "sync", "interval:250ms"):
        db = make(durability=durability)
        assert db.stats()["durability"].startswith(durability + ": ")
        db.close()


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


def test_the_sink_can_be_chosen(make: Make) -> None:
    db = make(log_sink="pwrite")
    db[b"k"] = b"v"
    assert db.stats()["log_sink"] == "pwrite"


def test_reads_can_do_without_maps(make: Make) -> None:
    db = make(mapped_reads=False, log_sink="pwrite")
    db.update(rows(500))
    assert dict(db.items()) == rows(500)
    assert db.get_many(list(rows(500))) == list(rows(500).values())
    assert db.stats()["hot_mode"] is False


def test_a_batch_has_its_limit_and_one_record_always_fits(make: Make) -> None:
    db = make(batch_bytes_max=65_536)
    with pytest.raises(BatchTooLargeError, match="65,536"):
        db.put_many(rows(2_000).items(), atomic=True)
    assert len(db) == 0
    db.put(b"k", bytes(1 << 20))
    db.put_many([(b"j", bytes(1 << 20))], atomic=True)
    db.put_many(rows(2_000).items())
    assert len(db) == 2_002


def test_no_lent_threads_are_fine(make: Make) -> None:
    before = _thread._count()
    db = make(background_threads=0, segment_bytes=65_536)
    for _ in range(5):
        db.update(rows(3_000))
    assert _thread._count() == before
    assert db.stats()["background_thread_count"] == 0
    assert dict(db.items()) == rows(3_000)


def test_a_reader_lends_no_threads(make: Make) -> None:
    make().close()
    assert make(read_only=True).stats()["background_thread_count"] == 0


# ---- state and statistics ----


def test_a_reader_is_read_only_and_says_what_to_do(make: Make) -> None:
    make().close()
    db = make(read_only=True)
    assert db.state == "read-only"
    assert db.stats()["durability"].startswith("none")
    with pytest.raises(ReadOnlyError, match="read_only=True"):
        db.put(b"k", b"v")


def test_statistics_count_what_was_done(make: Make, path: Path) -> None:
    db = make()
    db.update(rows(1_000))
    db.delete(b"key 000000")
    db.get(b"key 000001")
    db.get(b"absent")
    db.sync()
    stats = db.stats()
    assert stats["key_count"] == 999
    assert stats["put_count"] == 1_000
    assert stats["delete_count"] == 1
    assert stats["get_count"] >= 2
    assert stats["last_seq"] == stats["synced_seq"] == 1_001
    assert stats["sync_count"] >= 1
    assert 0 < stats["live_bytes"] <= stats["disk_bytes"]
    assert stats["path"] == str(path)
    assert stats["background_thread_count"] == 2


def test_the_approximate_length_is_exact(make: Make) -> None:
    db = make()
    db.update(rows(321))
    assert db.approximate_len() == len(db) == 321


def test_open_scans_are_counted_until_they_end(make: Make) -> None:
    db = make()
    db.update(rows(10))
    finished, limited, dropped = db.scan(), db.scan(limit=1), db.scan_keys()
    assert db.stats()["open_scan_count"] == 3
    list(finished)
    list(limited)
    del dropped
    assert db.stats()["open_scan_count"] == 0


def test_resume_of_a_healthy_store_is_silent(make: Make) -> None:
    db = make()
    assert db.resume() is None  # type: ignore[func-returns-value]  # the value is the point
    assert db.state == "open"


# ---- files ----


def test_flush_begins_another_file(make: Make) -> None:
    db = make()
    db[b"a"] = b"1"
    before = db.stats()["segment_count"]
    db.flush()
    db[b"b"] = b"2"
    assert db.stats()["segment_count"] > before
    assert dict(db.items()) == {b"a": b"1", b"b": b"2"}


def test_compact_gives_space_back_and_tells_its_progress(make: Make, path: Path) -> None:
    db = make(segment_bytes=1 << 20, background_threads=0, space_amplification_max=100.0)
    for _ in range(4):
        db.update(rows(10_000))
    db.delete_many(list(rows(5_000)))
    db.sync()
    before = bytes_on_disk(path)
    seen: list[tuple[int, int]] = []
    db.compact(progress=lambda done, total: seen.append((done, total)))
    assert bytes_on_disk(path) < before / 3
    assert all(0 <= done <= total for done, total in seen)
    assert dict(db.items()) == dict(list(rows(10_000).items())[5_000:])
    assert db.verify().ok


def test_an_interrupt_ends_compact_and_leaves_the_store_whole(make: Make) -> None:
    db = make(segment_bytes=1 << 20, background_threads=0, space_amplification_max=100.0)
    for _ in range(3):
        db.update(rows(20_000))
    with pytest.raises(KeyboardInterrupt):
        db.compact(progress=lambda done, total: signal.raise_signal(signal.SIGINT))
    assert dict(db.items()) == rows(20_000)
    assert db.verify().ok
    db.compact()
    assert dict(db.items()) == rows(20_000)


def test_a_large_value_comes_back_whole(make: Make) -> None:
    value = bytes(range(256)) * (1 << 16)
    db = make(segment_bytes=1 << 20)
    db[b"large"] = value
    assert db[b"large"] == value
    assert db.get_many([b"large", b"absent"]) == [value, None]
    assert list(db.scan()) == [(b"large", value)]
    db.close()
    assert make()[b"large"] == value


def test_an_option_that_the_core_refuses_is_named(path: Path) -> None:
    with pytest.raises(InvalidOptionError, match="segment_bytes"):
        BitcaskOptions(segment_bytes=1)
    assert not path.exists()
