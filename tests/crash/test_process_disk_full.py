"""A disk that fills up, for real: a small tmpfs, and a limit on the size of files.

NoSpaceError, everything acknowledged still there and readable, and writes that work again when
there is room, without reopening.
"""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.crash.processes import in_child, mounted, wait_until
from tests.engine.native_kinds import LSM, Kind

from pykv.errors import IOFailedError, NoSpaceError, ReadOnlyError

DISK_BYTES = 8 << 20
Rows = dict[bytes, bytes]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    place = tmp_path / "disk"
    with mounted(place, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs") as done:
        if not done:
            pytest.skip("a small tmpfs can only be mounted by root, with the mount command")
        yield place


def put_rows(db: Any, kept: Rows, size: int) -> None:
    """Puts rows for as long as that goes well; kept gets those that were acknowledged."""
    for number in range(100_000):
        key, value = b"%06d" % number, b"%06d" % number * (size // 6)
        db.put(key, value)
        kept[key] = value


def fill(db: Any, size: int = 5_000) -> Rows:
    """Puts rows until there is no room; returns those that were acknowledged."""
    kept: Rows = {}
    with pytest.raises(NoSpaceError, match="Free some space"):
        put_rows(db, kept, size)
    return kept


def fill_up(place: Path) -> None:
    """Takes the last byte of a file system."""
    with place.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4_096))


def check_rows(db: Any, kept: Rows) -> None:
    assert dict(db.items()) == kept
    assert db.get_many(list(kept)) == list(kept.values())
    assert len(db) == len(kept)


@pytest.mark.parametrize("sink", ["auto", "pwrite"])
@pytest.mark.parametrize("segment_bytes", [65_536, 1 << 20, 64 << 20])
def test_a_full_disk_loses_nothing_and_heals(
    kind: Kind, disk: Path, sink: str, segment_bytes: int
) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(3 << 20))
    db = kind.open(disk / "db", **options_of(kind, segment_bytes, sink))
    kept = fill(db)
    assert len(kept) > 320  # Of 1,000: an LSM store keeps room to write each once more.
    check_rows(db, kept)
    for _ in range(3):
        with pytest.raises(NoSpaceError):
            db.put(b"still no room", bytes(4 << 20))
    assert b"still no room" not in db
    assert state_of(db) in ("read-only", "degraded")
    check_rows(db, kept)

    ballast.unlink()
    wait_until(lambda: can_put(db, kept))
    wait_until(lambda: state_of(db) == "open")
    kept |= {b"again %d" % i: b"v" * 1_000 for i in range(500)}
    db.update({key: value for key, value in kept.items() if key.startswith(b"again")})
    check_rows(db, kept)
    assert db.verify().ok
    db.close()
    with kind.open(disk / "db") as db:
        check_rows(db, kept)
        assert db.verify().ok


def state_of(db: Any) -> str:
    """The state, which a checker of types takes for constant between two looks."""
    return str(db.state)


def options_of(kind: Kind, file_bytes: int, sink: str = "auto") -> dict[str, Any]:
    """Options under which files have about that size, and rows take the room that they have."""
    options: dict[str, Any] = dict.fromkeys(kind.small, file_bytes)
    if kind.name == "lsm":
        options["compression"] = "none"
    return options | ({} if sink == "auto" else {"log_sink": sink})


def can_put(db: Any, kept: Rows) -> bool:
    try:
        db.put(b"healed", b"v")
    except (IOFailedError, ReadOnlyError):
        return False
    kept[b"healed"] = b"v"
    return True


def test_a_batch_that_does_not_fit_is_not_there_in_part(kind: Kind, disk: Path) -> None:
    rows = [(b"%d" % number, bytes(1 << 20)) for number in range(20)]
    with kind.open(disk / "db", **options_of(kind, 1 << 20)) as db:
        db[b"before"] = b"v"
        with pytest.raises(NoSpaceError):
            db.put_many(rows, atomic=True)
        assert list(db) == [b"before"]
        db[b"after"] = b"v"
    with kind.open(disk / "db") as db:
        assert sorted(db) == [b"after", b"before"]
        assert db.verify().ok


def test_a_full_disk_can_be_closed_on_and_opened_on(kind: Kind, disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(3 << 20))
    db = kind.open(disk / "db", **options_of(kind, 1 << 20))
    kept = fill(db)
    fill_up(disk / "rest")
    with contextlib.suppress(NoSpaceError):
        db.close()
    assert db.closed
    with kind.open(disk / "db", read_only=True) as db:
        check_rows(db, kept)
    (disk / "ballast").unlink()
    with kind.open(disk / "db") as db:
        check_rows(db, kept)
        db[b"again"] = b"v"


def test_merging_gives_room_back(kind: Kind, disk: Path) -> None:
    """A store that is full of dead rows makes room by itself, and with compact() at once."""
    with kind.open(disk / "db", **options_of(kind, 262_144)) as db:
        for round_ in range(80):
            rows = {b"%04d" % i: b"%02d" % round_ * 300 for i in range(500)}
            try:
                db.update(rows)
            except NoSpaceError:
                db.compact()
                db.update(rows)
        assert dict(db.items()) == rows
        wait_until(lambda: db.stats()["disk_bytes"] < DISK_BYTES * 5 // 8)
        assert db.verify().ok


@pytest.mark.parametrize("sink", ["auto", "pwrite"])
def test_compact_and_deletes_make_room_on_a_disk_without_a_free_block(
    kind: Kind, disk: Path, sink: str
) -> None:
    """What is wholly dead leaves without a free block, and is the room for what comes then.

    A merge that found no block for its manifest once left the disk full for good.
    """
    options = options_of(kind, 65_536, sink)
    if kind.name == "bitcask":
        options["space_amplification_max"] = 10.0
    with kind.open(disk / "db", **options) as db:
        # More than the hints take, for which there may be room only now.
        old = {b"old %d" % number: bytes(5_000) for number in range(300)}
        db.update(old)
        db.update(old)
        kept = fill(db)
        assert len(kept) > 950
        fill_up(disk / "rest")
        db.compact()
        for key in sorted(kept)[:500]:
            del db[key]
            del kept[key]
        db.compact()
        # An LSM store needs room for their log, and for their tables beside it.
        count = 400 if kind.name == "bitcask" else 200
        rows = {b"new %d" % number: bytes(5_000) for number in range(count)}
        db.update(rows)
        check_rows(db, old | kept | rows)
        assert db.verify().ok


@pytest.mark.parametrize("sink", ["auto", "pwrite"])
def test_a_put_makes_the_room_that_deletes_have_given(disk: Path, sink: str) -> None:
    """Without compact(): what is dead is compacted when a write needs the room.

    Where what was due had failed before, nothing more was tried, and the put was refused in three
    runs of ten.
    """
    with LSM.open(disk / "db", **options_of(LSM, 65_536, sink)) as db:
        kept = fill(db)
        fill_up(disk / "rest")
        for key in sorted(kept)[:500]:
            del db[key]
            del kept[key]
        # A batch needs room in the log and for its tables: twice its bytes, and some to keep.
        rows = {b"new %d" % number: bytes(5_000) for number in range(150)}
        db.update(rows)
        check_rows(db, kept | rows)
        assert db.verify().ok


def test_a_new_store_on_a_full_disk_is_a_named_error(kind: Kind, disk: Path) -> None:
    fill_up(disk / "ballast")
    with pytest.raises(NoSpaceError):
        kind.open(disk / "db")
    (disk / "ballast").unlink()
    with kind.open(disk / "db") as db:
        db[b"k"] = b"v"


@pytest.mark.parametrize("sink", ["auto", "pwrite"])
def test_a_limit_on_the_size_of_files_is_a_named_error(
    kind: Kind, tmp_path: Path, sink: str
) -> None:
    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        db = kind.open(tmp_path / "db", **options_of(kind, 1 << 20, sink))
        kept: Rows = {}
        with pytest.raises(IOFailedError, match="File too large"):
            put_rows(db, kept, 1_000)
        check_rows(db, kept)
        assert len(kept) > 200

    assert in_child(work) == 0
    with kind.open(tmp_path / "db") as db:
        assert len(db) > 200
        assert db.verify().ok


def test_too_many_open_files_are_a_named_error_and_lose_nothing(kind: Kind, tmp_path: Path) -> None:
    def work() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 100))
        db = kind.open(tmp_path / "db", **kind.small)
        kept: Rows = {}
        with pytest.raises(IOFailedError, match="Too many open files"):
            put_rows(db, kept, 5_000)
        check_rows(db, kept)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
        wait_until(lambda: can_put(db, kept))
        check_rows(db, kept)
        db.close()

    assert in_child(work) == 0
    with kind.open(tmp_path / "db") as db:
        assert len(db) > 100
        assert b"healed" in db
        assert db.verify().ok
