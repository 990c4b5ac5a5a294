"""kill -9 of a writing process: what was acknowledged is there, and nothing is there in part.

A child draws writes from a seed and tells each through a pipe when it has returned. It is killed at
a random moment, in some rounds while it opens the store or closes it. The store must then hold the
result of the acknowledged writes, or of one more, which was under way.
"""

import os
import random
import signal
import struct
import time
from pathlib import Path
from typing import Any

from tests.crash.process_writes import Rows, differences, options_of, writes_of
from tests.crash.processes import fork, wait_for
from tests.engine.native_kinds import Kind

KILLS = int(os.environ.get("PYKV_KILLS") or 20)
WRITES_MAX = 4_000


def write_and_tell(
    kind: Kind, path: Path, pipe: int, seed: int, options: dict[str, Any], count: int
) -> None:
    """The work of the child: the first count writes of a round, then a close."""
    db = kind.open(path, **options)
    os.write(pipe, struct.pack("<i", -1))
    for number, write in enumerate(writes_of(seed)):
        if number == count:
            break
        write.perform(db)
        os.write(pipe, struct.pack("<i", number))
    db.close()
    os.write(pipe, struct.pack("<i", -2))


def read_told(pipe: int) -> list[int]:
    """The numbers that came through the pipe until its other end was closed."""
    data = b""
    while more := os.read(pipe, 65_536):
        data += more
    return [number for (number,) in struct.iter_unpack("<i", data[: len(data) // 4 * 4])]


def kill_in_round(kind: Kind, path: Path, seed: int) -> tuple[int, bool]:
    """Lets a child write and kills it. Returns the number of acknowledged writes, and whether the
    store was closed by then."""
    rng = random.Random(f"kill {seed}")
    count = rng.choice([30, 300, WRITES_MAX])
    options = options_of(rng, kind.name)
    out, into = os.pipe()
    child = fork(lambda: write_and_tell(kind, path, into, seed, options, count))
    os.close(into)
    told = []
    if rng.random() < 0.8:
        # Else it is killed where it opens, and may be recovering from the last round.
        told = [number for (number,) in struct.iter_unpack("<i", os.read(out, 4))]
    time.sleep(rng.uniform(0, rng.choice([0.002, 0.02, 0.1, 0.5])))
    os.kill(child, signal.SIGKILL)
    told += read_told(out)
    os.close(out)
    assert wait_for(child) in (-signal.SIGKILL, 0)
    acknowledged = [number for number in told if number >= 0]
    assert acknowledged == list(range(len(acknowledged)))
    return len(acknowledged), -2 in told


def states_after(before: Rows, seed: int, acknowledged: int, closed: bool) -> list[Rows]:
    """What the store may hold: the acknowledged writes, or one more."""
    rows = dict(before)
    writes = writes_of(seed)
    for _ in range(acknowledged):
        next(writes).apply(rows)
    states = [dict(rows)]
    if not closed and (under_way := next(writes, None)) is not None:
        under_way.apply(rows)
        states.append(rows)
    return states


def test_no_acknowledged_write_is_lost_to_a_kill(
    kind: Kind, tmp_path: Path, seed: int, told: list[str]
) -> None:
    path = tmp_path / "db"
    kind.open(path).close()
    rows: Rows = {}
    total = 0
    for round_ in range(KILLS):
        acknowledged, closed = kill_in_round(kind, path, seed + round_)
        total += acknowledged
        # A reader leaves the recovery to the next child, which may be killed in it.
        reading = round_ % 2 == 0 and round_ + 1 < KILLS
        with kind.open(path, read_only=reading) as db:
            found = dict(db.items())
            allowed = states_after(rows, seed + round_, acknowledged, closed)
            assert found in allowed, (
                f"PYKV_SEED={seed}, round {round_}: {differences(found, allowed)}"
            )
            assert len(db) == len(found)
            assert db.get_many(list(found)) == list(found.values())
            report = db.verify()
            assert report.ok, f"PYKV_SEED={seed}, round {round_}: {report.damages}"
        rows = found
    told.append(f"{KILLS} kills, {total:,} acknowledged writes, 0 lost, 0 in part")
