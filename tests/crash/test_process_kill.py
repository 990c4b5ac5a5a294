"""kill -9 of a writing process: what was acknowledged is there, and nothing is there in part.

A child draws writes from a seed and tells each through a pipe when it has returned. It is killed at
a random moment, in some rounds while it opens the store or closes it. The store must then hold the
result of the acknowledged writes, or of one more, which was under way; the changes behind each pin
lead there from what the store held when the pin was set; and checkpoints hold their moments.
"""

import os
import random
import shutil
import signal
import struct
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tests.crash.process_rows import (
    Rows,
    contents,
    differences,
    followed,
    said_of_pin,
    without_pins,
)
from tests.crash.process_writes import copies_in, options_of, writes_of
from tests.crash.processes import fork, wait_for
from tests.engine.native_kinds import Kind

import pykv
from pykv.errors import FormatError

KILLS = int(os.environ.get("PYKV_KILLS") or 20)
WRITES_MAX = 4_000


def write_and_tell(
    kind: Kind, path: Path, pipe: int, seed: int, options: dict[str, Any], count: int
) -> None:
    """The work of the child: the first count writes of a round, then a close."""
    db = kind.open(path, **options)
    os.write(pipe, struct.pack("<i", -1))
    for number, write in enumerate(writes_of(kind, seed)):
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


@dataclass
class Known:
    """What one round may have led to, by the writes that its child has told.

    states: what the store may hold. pinned: what it held when a pin was set, by what tells that
    from others. copied: what the checkpoint of that name holds; last_copy: the last one of those
    that were told.
    """

    states: list[Rows]
    pinned: dict[bytes, Rows]
    copied: dict[str, Rows] = field(default_factory=dict)
    last_copy: str = ""

    @classmethod
    def after(
        cls, kind: Kind, before: "Known", seed: int, acknowledged: int, closed: bool
    ) -> "Known":
        """What follows from a round that began with one state, before.states[0]."""
        rows = dict(before.states[0])
        known = cls([], dict(before.pinned))
        writes = islice(writes_of(kind, seed), acknowledged + (not closed))
        for number, write in enumerate(writes):
            if number == acknowledged:
                known.states.append(dict(rows))
            write.apply(rows)
            if write.pin:
                known.pinned[write.pin] = dict(rows)
            if write.copy:
                known.copied[write.copy] = dict(rows)
                known.last_copy = write.copy if number < acknowledged else known.last_copy
        known.states.append(rows)
        return known


def check_store(db: Any, known: Known) -> Rows:
    """What a store holds, all of which must be known."""
    found = contents(db)
    assert found in known.states, differences(found, known.states)
    report = db.verify()
    assert report.ok, report.damages
    for pin in () if db.state == "read-only" else db.history_pins():
        rows = known.pinned[said_of_pin(pin)]
        led_to = followed(db, pin.since, rows)
        assert led_to == without_pins(found), differences(led_to, [without_pins(found)])
    return found


def remove_copy(path: Path) -> None:
    """An unfinished one has a mark, or it is nowhere."""
    if path.exists():
        pykv.destroy(path)


def check_copies(kind: Kind, folder: Path, known: Known) -> int:
    """Opens the checkpoints of a round and removes them; returns how many were cut off.

    One that was told holds its moment, one that was under way too, or says that it is unfinished.
    """
    names = [path.name for path in copies_in(folder)]
    first = names.index(known.last_copy) if known.last_copy else 0
    for name in names[:first]:
        shutil.rmtree(folder / name)
    cut_off = 0
    for name in names[first:]:
        try:
            with kind.open(folder / name, create=False) as copy:
                assert without_pins(contents(copy)) == without_pins(known.copied[name])
                assert copy.verify().ok
        except (FormatError, FileNotFoundError):
            assert name != known.last_copy
            cut_off += 1
        remove_copy(folder / name)
        assert not (folder / name).exists()
    return cut_off


def test_no_acknowledged_write_is_lost_to_a_kill(
    kind: Kind, tmp_path: Path, seed: int, told: list[str]
) -> None:
    path = tmp_path / "db"
    kind.open(path).close()
    known = Known([{}], {})
    counts: Counter[str] = Counter()
    for round_ in range(KILLS):
        acknowledged, closed = kill_in_round(kind, path, seed + round_)
        counts["writes"] += acknowledged
        known = Known.after(kind, known, seed + round_, acknowledged, closed)
        # A reader leaves the recovery to the next child, which may be killed in it.
        reading = round_ % 2 == 0 and round_ + 1 < KILLS
        try:
            with kind.open(path, read_only=reading) as db:
                found = check_store(db, known)
                counts["feeds"] += 0 if reading else len(db.history_pins())
            counts["copies"] += len(known.copied)
            counts["cut off"] += check_copies(kind, tmp_path, known)
        except Exception as error:
            error.add_note(f"PYKV_SEED={seed}, round {round_}")
            raise
        known = Known([found], known.pinned)
    told.append(
        f"{KILLS} kills, {counts['writes']:,} acknowledged writes, 0 lost, 0 in part; "
        f"{counts['feeds']} feeds led to what is there; {counts['copies']} checkpoints, "
        f"{counts['cut off']} of them cut off"
    )
