"""Followers in other processes, beside a writer that writes, compacts and is killed.

The writer is that of test_process_refresh: each batch sets every counter to its number.
"""

import contextlib
import os
import random
import signal
import struct
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.crash.processes import fork, wait_for, wait_until
from tests.crash.test_process_refresh import COUNTERS, PADDING, write, write_batch
from tests.engine.native_kinds import KINDS, Kind

import pykv

SECONDS = float(os.environ.get("PYKV_REFRESH_SECONDS") or 2)


class Follower:
    """What changes lead to, and the number of the batch that they came with."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.seq = 0
        self.epoch = 0
        self.numbers: set[int] = set()  # of the batch under way
        self.gone_count = 0

    def take(self, change: pykv.Change) -> None:
        """Each in its turn, and whole batches."""
        assert self.seq == 0 or change.seq == self.seq + 1, f"{change.seq} behind {self.seq}"
        assert change.epoch >= self.epoch
        self.seq, self.epoch = change.seq, change.epoch
        if change.kind == "put":
            assert change.value is not None
            self.rows[change.key] = change.value
            if change.key in COUNTERS:
                self.numbers.add(struct.unpack("<Q", change.value[:8])[0])
                assert change.value[8:] == PADDING
        else:
            assert change.kind == "delete"
            self.rows.pop(change.key, None)
        if change.last:
            assert len(self.numbers) == 1, f"a batch is told in part: {self.numbers}"
            self.numbers.clear()

    def lose(self, floor: int) -> None:
        """Begins anew with the first change that is kept."""
        assert not self.numbers, "a batch is told in part"
        self.rows.clear()
        self.seq = floor - 1
        self.gone_count += 1


def follow(db: Any, follower: Follower, timeout: float, unsynced: bool) -> None:
    """Takes what there is."""
    try:
        for change in db.changes(follower.seq, follow=True, timeout=timeout, unsynced=unsynced):
            follower.take(change)
    except pykv.HistoryGoneError:
        db.refresh()
        follower.lose(db.stats()["history_floor"])


def read(kind: Kind, path: Path, unsynced: bool, done: int, pipe: int) -> None:
    """The work of a follower, until done can be read."""
    follower = Follower()
    os.set_blocking(done, False)
    with kind.open(path, read_only=True) as db:
        ended = False
        while not ended:
            with contextlib.suppress(BlockingIOError):
                ended = os.read(done, 1) == b""
            follow(db, follower, 0.02, unsynced)

        def has_all() -> bool:
            follow(db, follower, 0.2, unsynced)
            return bool(follower.seq == db.last_seq)

        wait_until(has_all)  # the last call may have found its place gone, or nothing yet
        if follower.gone_count == 0:
            assert follower.rows == dict(db.items())
    os.write(pipe, struct.pack("<QQ", follower.seq, follower.gone_count))


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "gone"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_followers_miss_nothing_or_are_told(
    kind: Kind, pinned: bool, tmp_path: Path, seed: int, told: list[str]
) -> None:
    path = tmp_path / "db"
    with kind.open(path, **kind.small) as db:
        write_batch(db, 1)
        if pinned:
            db.pin_history("followers", 0)
    out, into = os.pipe()
    done, end = os.pipe()

    def work(unsynced: bool) -> None:
        os.close(end)
        read(kind, path, unsynced, done, into)

    followers = [fork(partial(work, unsynced)) for unsynced in (False, True)]
    rng = random.Random(seed)
    until = time.monotonic() + SECONDS
    kills = 0
    while time.monotonic() < until:
        writer = fork(partial(write, kind, path, seed + kills))
        time.sleep(rng.uniform(0.1, 0.5))
        os.kill(writer, signal.SIGKILL)
        assert wait_for(writer) == -signal.SIGKILL
        kills += 1
    with kind.open(path, **kind.small) as db:
        last = db.last_seq
    os.close(end)
    assert [wait_for(each) for each in followers] == [0, 0], f"PYKV_SEED={seed}"
    told_of = [struct.unpack("<QQ", os.read(out, 16)) for _ in followers]
    for descriptor in (out, into, done):
        os.close(descriptor)
    gone = [count for _, count in told_of]
    assert [seq for seq, _ in told_of] == [last, last]
    assert not pinned or gone == [0, 0]
    told.append(f"{kills} kills, {last:,} changes, history gone {gone} times, 0 missed")
