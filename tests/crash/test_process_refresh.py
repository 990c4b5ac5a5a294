"""Readers in other processes that refresh, beside a writer that writes, compacts and is killed.

Each batch of the writer sets every counter to its number, so whatever a reader sees is one batch:
all counters are equal, and they never go back.
"""

import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.crash.processes import fork, in_child, mounted, wait_for, wait_until
from tests.engine.native_kinds import KINDS, Kind

from pykv.errors import ReplacedError

SECONDS = float(os.environ.get("PYKV_REFRESH_SECONDS") or 2)
COUNTERS = [b"counter-%02d" % number for number in range(40)]
PADDING = b"x" * 200


def batches(first: int, rng: random.Random) -> Iterator[int]:
    """Numbers of batches, now and then far apart in time."""
    for number in count(first):
        if rng.random() < 0.02:
            time.sleep(0.01)
        yield number


def write_batch(db: Any, number: int) -> None:
    """All counters at once, with a row that comes and goes."""
    with db.batch() as batch:
        for key in COUNTERS:
            batch.put(key, struct.pack("<Q", number) + PADDING)
        batch.put(b"row-%d" % number, PADDING)
        batch.delete(b"row-%d" % (number - 50))


def number_in(db: Any) -> int:
    """What the counters say in a scan and in gets: one number, or the test fails."""
    scanned = {value[:8] for key, value in db.items() if key in COUNTERS}
    assert len(scanned) == 1, f"a batch shows in part: {scanned}"
    number: int = struct.unpack("<Q", scanned.pop())[0]
    found = {value[:8] for value in db.get_many(COUNTERS) if value is not None}
    assert found == {struct.pack("<Q", number)}
    return number


def write(kind: Kind, path: Path, seed: int) -> None:
    """The work of the writer, until it is killed."""
    rng = random.Random(f"refresh {seed}")
    with kind.open(path, **kind.small) as db:
        first = number_in(db) + 1
        for number in batches(first, rng):
            write_batch(db, number)
            match rng.randrange(300):
                case 0:
                    db.compact()
                case 1:
                    db.flush()
                case 2:
                    db.sync()


def read(kind: Kind, path: Path, until: float, pipe: int) -> None:
    """The work of a reader: what it shows goes on, whatever becomes of the writer."""
    last, moved = 0, 0
    with kind.open(path, read_only=True) as db:
        sequence = db.refresh()
        while time.monotonic() < until:
            with db.snapshot() as before:
                at = number_in(before)
                after = db.refresh()
                assert after >= sequence, "the sequence goes back"
                number = number_in(db)
                assert number >= at >= last, f"{last}, {at}, {number}: it goes back"
                assert number_in(before) == at
            moved += number > last
            last, sequence = number, after
    os.write(pipe, struct.pack("<QQ", last, moved))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_readers_see_whole_batches_that_never_go_back(
    kind: Kind, tmp_path: Path, seed: int, told: list[str]
) -> None:
    path = tmp_path / "db"
    with kind.open(path, **kind.small) as db:
        write_batch(db, 1)
    out, into = os.pipe()
    until = time.monotonic() + SECONDS
    readers = [fork(lambda: read(kind, path, until, into)) for _ in range(2)]
    kills = 0
    rng = random.Random(seed)
    while time.monotonic() < until:
        writer = fork(partial(write, kind, path, seed + kills))
        time.sleep(rng.uniform(0.1, 0.5))
        os.kill(writer, signal.SIGKILL)
        assert wait_for(writer) == -signal.SIGKILL
        kills += 1
    assert [wait_for(reader) for reader in readers] == [0, 0], f"PYKV_SEED={seed}"
    shown = [struct.unpack("<QQ", os.read(out, 16)) for _ in readers]
    os.close(out)
    os.close(into)
    with kind.open(path, read_only=True) as db:
        last = number_in(db)
    assert all(1 < number <= last for number, _ in shown)
    moves = [moved for _, moved in shown]
    told.append(f"{kills} kills, {last:,} batches, readers moved {moves} times, 0 in part")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_reader_of_a_log_that_grows_with_each_write_reads_what_it_has_found(
    kind: Kind, tmp_path: Path
) -> None:
    """A segmentation fault once: the reader mapped the log, then read more of it, which the writer
    had added between the two, and looked for that in the mapping."""
    path = tmp_path / "db"
    value = b"x" * 3_000

    def append() -> None:
        with kind.open(path, log_sink="pwrite") as db:
            for number in count(1):
                db.put(b"row-%d" % number, value)
                db.put(b"last", struct.pack("<Q", number) + value)
                time.sleep(0.000_1)

    with kind.open(path) as db:
        db.put(b"row-0", value)
        db.put(b"last", struct.pack("<Q", 0) + value)

    def follow() -> None:
        until = time.monotonic() + SECONDS / 2
        with kind.open(path, read_only=True) as db:
            while time.monotonic() < until:
                db.refresh()
                (number,) = struct.unpack("<Q", db[b"last"][:8])
                assert db[b"row-%d" % number] == value

    writer = fork(append)
    try:
        assert in_child(follow) == 0
    finally:
        os.kill(writer, signal.SIGKILL)
        wait_for(writer)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_database_that_is_made_anew_is_not_taken_for_the_old_one(
    kind: Kind, tmp_path: Path
) -> None:
    path = tmp_path / "db"

    def make(number: int) -> None:
        subprocess.run(["rm", "-rf", str(path)], check=True)
        with kind.open(path) as db:
            write_batch(db, number)

    assert in_child(lambda: make(5)) == 0
    with kind.open(path, read_only=True) as reader:
        assert in_child(lambda: make(7)) == 0
        with pytest.raises(ReplacedError) as caught:
            reader.refresh()
        assert caught.value.path == path
        assert number_in(reader) == 5
    with kind.open(path, read_only=True) as reader:
        assert number_in(reader) == 7


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_on_a_read_only_mount_a_reader_refreshes(kind: Kind, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    with mounted(place, "-t", "tmpfs", "tmpfs") as done:
        if not done:
            pytest.skip("a tmpfs can only be mounted by root, with the mount command")

        def write_and_die() -> None:
            db = kind.open(place / "db", **kind.small)
            for number in range(1, 9):
                write_batch(db, number)
            os._exit(0)

        assert in_child(write_and_die) == 0
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        with kind.open(place / "db", read_only=True) as reader:
            assert number_in(reader) == 8
            assert reader.refresh() == reader.refresh()
            # What is written after all shows, as where another host exports what it writes.
            subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
            assert in_child(lambda: go_on(kind, place / "db")) == 0
            reader.refresh()
            assert number_in(reader) == 9


def go_on(kind: Kind, path: Path) -> None:
    with kind.open(path, **kind.small) as db:
        write_batch(db, number_in(db) + 1)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_who_may_only_read_the_directory_refreshes(kind: Kind, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else, who has fewer permissions")
    for parent in (tmp_path, *tmp_path.parents):
        parent.chmod(parent.stat().st_mode | 0o005)
    path = tmp_path / "db"
    with kind.open(path, **kind.small) as db:
        write_batch(db, 1)
        path.chmod(0o755)

        def read_as_nobody() -> None:
            os.setgid(65_534)
            os.setuid(65_534)
            with kind.open(path, read_only=True) as reader:
                assert number_in(reader) == 1
                (tmp_path / "seen").exists()
                wait_until(lambda: reader.refresh() > 42)
                assert number_in(reader) == 2

        child = fork(read_as_nobody)
        for each in path.iterdir():
            with suppress(FileNotFoundError):  # upkeep renames files meanwhile
                each.chmod(0o644)
        time.sleep(0.1)
        write_batch(db, 2)
        assert wait_for(child) == 0
