"""The stores of the core, all alike: opening, options, states, statistics, upkeep."""

import _thread
import errno
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.engine.registry import find_engine
from pykv.errors import (
    BatchTooLargeError,
    FormatError,
    LockedError,
    ReadOnlyError,
)
from tests.engine.native_kinds import KINDS, Kind
from tests.engine.store_files import rows

Make = Callable[..., Any]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each engine of the core."""
    found: Kind = request.param
    return found


@pytest.fixture
def make(kind: Kind, path: Path) -> Iterator[Make]:
    """Opens a store of the kind at path with options; closes all of them."""
    stores: list[Any] = []

    def make(**options: Any) -> Any:
        stores.append(kind.open(path, **options))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


# ---- opening ----


def test_the_class_opens_a_path_by_itself(kind: Kind, make: Make, path: Path) -> None:
    db = make()
    assert db.path == path
    assert repr(db) == f"<pykv.{type(db).__name__} {str(path)!r} open>"
    assert type(db) is getattr(pykv, type(db).__name__) is kind.cls


def test_it_needs_a_path(kind: Kind) -> None:
    with pytest.raises(TypeError, match="path"):
        kind.cls(None)
    with pytest.raises(TypeError, match="path"):
        pykv.open(engine=kind.name)  # type: ignore[call-overload]  # the error is the point


def test_another_engine_is_refused_and_changes_nothing(kind: Kind, make: Make, path: Path) -> None:
    make().close()
    before = {each.name: each.read_bytes() for each in path.iterdir()}
    for other in KINDS:
        if other is not kind:
            with pytest.raises(FormatError):
                other.open(path)
    assert {each.name: each.read_bytes() for each in path.iterdir()} == before
    with pykv.open(path) as db:
        assert type(db) is kind.cls


def test_a_directory_of_another_database_is_refused_and_left_alone(kind: Kind, path: Path) -> None:
    path.mkdir()
    (path / "CURRENT").write_text("MANIFEST-000001\n")
    before = sorted(path.iterdir())
    for options in ({}, {"read_only": True}, {"create": False}):
        with pytest.raises(FormatError, match="LevelDB") as caught:
            pykv.open(path, engine=kind.name, **options)
        assert caught.value.path == path
    for call in (pykv.open, pykv.repair, pykv.destroy):
        with pytest.raises(FormatError, match="choose another"):
            call(path)
    assert sorted(path.iterdir()) == before


def test_a_directory_of_other_files_is_refused_and_an_empty_one_taken(
    kind: Kind, path: Path
) -> None:
    """A database was once made between the files of whatever was there."""
    path.mkdir()
    (path / ".gitkeep").touch()
    notes = path / "notes.txt"
    notes.write_text("mine")
    with pytest.raises(FormatError, match=r"notes\.txt"):
        kind.open(path)
    assert sorted(path.iterdir()) == [path / ".gitkeep", notes]
    notes.unlink()
    kind.open(path).close()
    notes.write_text("beside the database")
    kind.open(path).close()


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("options", [{"read_only": True}, {"create": False}])
def test_a_database_that_is_not_there_is_named(
    kind: Kind, path: Path, exists: bool, options: dict[str, bool]
) -> None:
    """The error of an empty directory once named no file."""
    if exists:
        path.mkdir()
    with pytest.raises(FileNotFoundError) as caught:
        kind.open(path, **options)
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.ENOENT


def test_a_database_that_is_there_already_is_named(kind: Kind, make: Make, path: Path) -> None:
    make().close()
    with pytest.raises(FileExistsError) as caught:
        kind.open(path, error_if_exists=True)
    assert caught.value.filename == str(path)


def test_a_path_that_is_a_file_is_named(kind: Kind, path: Path) -> None:
    path.write_text("")
    with pytest.raises(NotADirectoryError) as caught:
        kind.open(path)
    assert caught.value.filename == str(path)


def test_detect_knows_its_own(kind: Kind, make: Make, path: Path, tmp_path: Path) -> None:
    make().close()
    (tmp_path / "empty").mkdir()
    for other in KINDS:
        detect = find_engine(other.name).detect
        assert detect(path) == (other is kind)
        assert not detect(tmp_path / "empty")
        with pytest.raises(FormatError, match="no database of pykv"):
            detect(tmp_path)


def test_a_second_opener_learns_who_holds_it(kind: Kind, make: Make, path: Path) -> None:
    make()
    with pytest.raises(LockedError, match="Close the other one") as caught:
        kind.open(path)
    assert (caught.value.path, caught.value.pid) == (path, os.getpid())


def test_open_goes_on_where_the_working_directory_changes(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with kind.open(Path("db"), **kind.small) as db:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        db.update(rows(2_000))
    assert not (tmp_path / "elsewhere" / "db").exists()
    with kind.open(tmp_path / "db") as db:
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


def test_the_sink_can_be_chosen(make: Make) -> None:
    db = make(log_sink="pwrite")
    db[b"k"] = b"v"
    assert db.stats()["log_sink"] == "pwrite"


def test_reads_can_do_without_maps(make: Make) -> None:
    db = make(mapped_reads=False, log_sink="pwrite")
    db.update(rows(500))
    assert dict(db.items()) == rows(500)
    assert db.get_many(list(rows(500))) == list(rows(500).values())


def test_a_batch_has_its_limit_and_one_record_always_fits(make: Make) -> None:
    db = make(batch_bytes_max=65_536)
    with pytest.raises(BatchTooLargeError, match="65,536"):
        db.put_many(rows(2_000).items(), atomic=True)
    assert len(db) == 0
    db.put(b"k", bytes(1 << 20))
    db.put_many([(b"j", bytes(1 << 20))], atomic=True)
    db.put_many(rows(2_000).items())
    assert len(db) == 2_002


def test_no_lent_threads_are_fine(kind: Kind, make: Make) -> None:
    before = _thread._count()
    db = make(background_threads=0, **kind.small)
    for _ in range(5):
        db.update(rows(3_000))
    assert _thread._count() <= before  # those of stores before it may end meanwhile
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


def test_statistics_count_what_was_done(kind: Kind, make: Make, path: Path) -> None:
    db = make()
    db.update(rows(1_000))
    db.delete(b"key 000000")
    db.get(b"key 000001")
    db.get(b"absent")
    db.sync()
    stats = db.stats()
    assert stats["engine"] == kind.name
    assert stats["key_count"] == 999
    assert stats["put_count"] == 1_000
    assert stats["delete_count"] == 1
    assert stats["get_count"] >= 2
    assert stats["get_hit_count"] == stats["get_count"] - 1
    assert stats["last_seq"] == stats["synced_seq"] == 1_001
    assert stats["sync_count"] >= 1
    assert stats["path"] == str(path)
    assert stats["background_thread_count"] == kind.options().background_threads


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
    assert db.resume() is None
    assert db.state == "open"


# ---- upkeep ----


def test_compact_gives_space_back_and_tells_its_progress(kind: Kind, make: Make) -> None:
    db = make(**kind.lazy)
    for _ in range(4):
        db.update(rows(10_000))
        db.flush()
    db.delete_many(list(rows(5_000)))
    db.flush()
    before = db.stats()["disk_bytes"]
    seen: list[tuple[int, int]] = []
    db.compact(progress=lambda done, total: seen.append((done, total)))
    assert db.stats()["disk_bytes"] < before / 2
    assert all(0 <= done <= total for done, total in seen)
    assert dict(db.items()) == dict(list(rows(10_000).items())[5_000:])
    assert db.verify().ok


def test_an_interrupt_ends_compact_and_leaves_the_store_whole(kind: Kind, make: Make) -> None:
    db = make(**kind.lazy)
    for _ in range(3):
        db.update(rows(20_000))
    with pytest.raises(KeyboardInterrupt):
        db.compact(progress=lambda done, total: signal.raise_signal(signal.SIGINT))
    assert dict(db.items()) == rows(20_000)
    assert db.verify().ok
    db.compact()
    assert dict(db.items()) == rows(20_000)


def test_a_large_value_comes_back_whole(kind: Kind, make: Make) -> None:
    value = bytes(range(256)) * (1 << 16)
    db = make(**kind.lazy)
    db[b"large"] = value
    assert db[b"large"] == value
    assert db.get_many([b"large", b"absent"]) == [value, None]
    assert list(db.scan()) == [(b"large", value)]
    db.flush()
    assert db[b"large"] == value
    db.close()
    assert make()[b"large"] == value


# ---- closed databases ----


def test_destroy_removes_the_store_and_nothing_else(make: Make, path: Path) -> None:
    make().close()
    pykv.destroy(path)
    assert not path.exists()
    make().close()
    (path / "notes.txt").write_text("mine")
    pykv.destroy(path)
    assert [each.name for each in path.iterdir()] == ["notes.txt"]


def test_repair_of_a_sound_store_keeps_every_row(make: Make, path: Path) -> None:
    with make() as db:
        db.update(rows(2_000))
        db.flush()
        db.update(rows(500, 200))
        db.delete(b"key 000000")
    report = pykv.repair(path)
    assert (report.ok, report.lost_record_count) == (True, 0)
    expected = rows(2_000) | rows(500, 200)
    del expected[b"key 000000"]
    with make() as db:
        assert dict(db.items()) == expected
        assert db.verify().ok


def test_repair_and_destroy_refuse_an_open_store(make: Make, path: Path) -> None:
    make()[b"k"] = b"v"
    for call in (pykv.repair, pykv.destroy):
        with pytest.raises(LockedError):
            call(path)


@pytest.mark.parametrize(("wrong", "error"), [("x", TypeError), (-1, ValueError)])
def test_what_is_no_timeout_does_not_close(tmp_path: Path, wrong: Any, error: Any) -> None:
    with pykv.open(tmp_path / "db") as db:
        with pytest.raises(error, match="timeout must"):
            db.close(timeout=wrong)
        db[b"open"] = b"still"
