"""Power cuts of a real ext4 file system under a writing store; `make test-power` runs it.

Each cut: a child writes to a store in the file system and tells each write that has returned
through a pipe outside of it. At a random moment, which may be in the middle of opening, the file
system loses its power and the child is killed. After the journal was replayed the store must hold
every write that was durable, and of the others a prefix. The next child goes on in the same store.
Five cuts later there is a fresh image. PYKV_CUTS says how many cuts there are of each engine, and
PYKV_ENGINE names the only one.

Exit code 0: all held. 1: a store did not; the image before its recovery is kept in build/power/.
2: this machine cannot run it, and the reason was printed.
"""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.crash.power_cut_disk import (
    CUT_FLAGS,
    MOUNT_OPTIONS,
    CannotRunError,
    Disk,
    die_with_parent,
    enter_namespace,
)
from tests.crash.power_cut_history import CLOSED, OPENED, REFUSED, TOLD, History, Pinned
from tests.crash.process_rows import (
    MixedAnswersError,
    Rows,
    contents,
    differences,
    followed,
    said_of_pin,
)
from tests.crash.process_writes import copies_in, options_of, writes_of
from tests.crash.processes import fork, wait_for
from tests.engine.native_kinds import KINDS, Kind

from pykv.errors import Error

FOLDER = Path("build/power")
CUTS_AN_IMAGE = 5
CUTS_DEFAULT = 30
WRITES_MAX = 60_000
PIPE_BYTES = 1 << 20


@dataclass(frozen=True)
class Plan:
    """What one cut is about; all of it comes from the seed."""

    seed: str
    kind: Kind
    writer_count: int
    options: dict[str, Any]
    mount_options: str
    flag: int
    write_count: int
    seconds: float
    opens_first: bool
    writes_back: bool
    lingers: bool
    read_only: bool

    @classmethod
    def draw(cls, seed: str, kind: Kind) -> "Plan":
        rng = random.Random(seed)
        options = options_of(rng, kind.name) | {
            "durability": rng.choice(["os", "os", "sync", "sync", "interval:5ms"]),
            "log_sink": rng.choice(["mapped", "mapped", "pwrite", "auto"]),
            "log_sector_padding": rng.random() < 0.2,
        }
        # Where the child is not awaited until it has opened the store, the cut is in that.
        opens_first = rng.random() < 0.8
        longest = rng.choice([0.01, 0.1, 0.5, 1.5]) if opens_first else 0.02
        return cls(
            seed=seed,
            kind=kind,
            writer_count=rng.choice([1, 1, 3]),
            options=options,
            mount_options=rng.choice(MOUNT_OPTIONS),
            flag=rng.choice(CUT_FLAGS),
            write_count=rng.choice([100, WRITES_MAX, WRITES_MAX, WRITES_MAX]),
            seconds=rng.uniform(0, longest),
            opens_first=opens_first,
            writes_back=rng.random() < 0.7,
            lingers=rng.random() < 0.5,
            read_only=rng.random() < 0.5,
        )

    def history(self) -> History:
        """The history of the writers of this plan, before they wrote."""
        count = self.writer_count
        writers = [writes_of(self.kind, self.seed, each, count) for each in range(count)]
        return History(writers, all_durable=self.options["durability"] == "sync")


class BrokenPromiseError(Exception):
    """A store does not hold what it must; the text says what is wrong."""


def write_and_tell(path: Path, pipe: int, plan: Plan) -> None:
    """The work of the child: open, write with every writer, close. A named error ends a writer."""

    def tell(writer: int, number: int) -> None:
        os.write(pipe, TOLD.pack(writer, number))

    def work(writer: int) -> None:
        writes = writes_of(plan.kind, plan.seed, writer, plan.writer_count)
        try:
            for number, write in zip(range(plan.write_count), writes, strict=False):
                write.perform(db)
                tell(writer, number)
        except Error:
            tell(writer, REFUSED)

    die_with_parent()
    try:
        db = plan.kind.open(path, **plan.options)
        tell(0, OPENED)
        with ThreadPoolExecutor(plan.writer_count) as pool:
            for done in [pool.submit(work, each) for each in range(plan.writer_count)]:
                done.result()
        db.close()
        tell(0, CLOSED)
    except Error:
        tell(0, REFUSED)


def write_until_cut(disk: Disk, plan: Plan) -> tuple[History, int]:
    """Lets a child write, cuts the power and kills it. Returns what it told and how it ended."""
    history = plan.history()
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    child = fork(lambda: write_and_tell(disk.place / "db", into, plan))
    os.close(into)
    try:
        told = os.read(out, TOLD.size) if plan.opens_first else b""
        pass_time(disk, plan)
        told += read_what_is_there(out)
        disk.cut(plan.flag)
        if plan.lingers:
            time.sleep(0.05)
    finally:
        os.kill(child, signal.SIGKILL)
        ended = wait_for(child)
    history.add(told)
    history.power_is_off = True
    history.add(read_what_is_there(out))
    os.close(out)
    return history, ended


def read_what_is_there(pipe: int) -> bytes:
    """What is in a pipe now: whole messages, because each is written at once."""
    os.set_blocking(pipe, False)
    data = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(pipe, PIPE_BYTES):
            data += more
    return data


def pass_time(disk: Disk, plan: Plan) -> None:
    """Waits as long as the plan says; meanwhile the kernel may write back what it likes."""
    rng = random.Random(f"write back {plan.seed}")
    deadline = time.monotonic() + plan.seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, rng.uniform(0, 0.02)) if plan.writes_back else left)
        if plan.writes_back:
            disk.write_back_some(rng)


def read_back(path: Path, plan: Plan, pinned: dict[bytes, Pinned]) -> Rows:
    """What a store holds, read in every way, after it was verified; the changes behind each of its
    pins must lead there. A reader leaves the recovery to the next child, and has no feed; a store
    that was being made may not be there yet, which is an empty one."""
    try:
        db = plan.kind.open(path, read_only=plan.read_only)
    except FileNotFoundError:
        return {}
    with db:
        found = contents(db)
        check_whole(db)
        if not plan.read_only:
            check_feeds(db, pinned, found)
    return found


def check_whole(db: Any) -> None:
    """BrokenPromiseError with what a verification finds."""
    report = db.verify()
    if not report.ok:
        raise BrokenPromiseError(f"verify: {report.damages}")


def check_feeds(db: Any, pinned: dict[bytes, Pinned], found: Rows) -> None:
    """BrokenPromiseError where the changes behind a pin lead elsewhere than to found."""
    for pin in db.history_pins():
        if (at := pinned.get(said_of_pin(pin))) is None:
            raise BrokenPromiseError(f"nobody has set such a pin: {pin}")
        led_to = at.own(followed(db, pin.since, at.rows))
        if led_to != at.own(found):
            difference = differences(led_to, [at.own(found)])
            raise BrokenPromiseError(f"the feed of {pin} leads elsewhere: {difference}")


def check_copies(folder: Path, kind: Kind, history: History, rows: Rows) -> int:
    """Opens the checkpoints that were told and removes all; returns how many were opened.
    BrokenPromiseError where one does not hold its moment."""
    for told in history.copies.values():
        with kind.open(folder / told.name, create=False) as copy:
            check_whole(copy)
            if fault := history.copy_fault(told, rows, contents(copy)):
                raise BrokenPromiseError(fault)
    for path in copies_in(folder):
        shutil.rmtree(path)
    return len(history.copies)


@dataclass
class Run:
    """One run of many cuts: the disk, what its store held last, and the counts."""

    seed: int
    kind: Kind
    disk: Disk
    rows: Rows = field(default_factory=dict)
    pinned: dict[bytes, Pinned] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def cut(self, number: int) -> None:
        """Makes cut number, on a fresh image where it is time for one."""
        if number % CUTS_AN_IMAGE == 0:
            if number:
                self.disk.check()
            self.disk.format()
            self.rows, self.pinned = {}, {}
        plan = Plan.draw(f"{self.seed} {number}", self.kind)
        self.disk.mount(plan.mount_options)
        history, ended = write_until_cut(self.disk, plan)
        self.disk.unmount()
        copy = self.disk.image.with_name("before-recovery.img")
        self.disk.save(copy)
        try:
            self.judge(plan, history, ended)
        except (BrokenPromiseError, MixedAnswersError, Error, OSError) as error:
            kept = FOLDER / f"failed-{self.kind.name}-{self.seed}-{number}.img"
            copy.replace(kept)
            told = f"{history.acknowledged} acknowledged, {history.durable} durable"
            raise BrokenPromiseError(
                f"PYKV_ENGINE={self.kind.name} PYKV_SEED={self.seed}, cut {number}: "
                f"{type(error).__name__}: {error}\n"
                f"  {plan}\n  {told}, opened {history.opened}, closed {history.closed}\n"
                f"  the image after the cut, before the journal was replayed: {kept}"
            ) from error

    def judge(self, plan: Plan, history: History, ended: int) -> None:
        """Opens the store after the power is back and checks what it holds."""
        # A store into a page of the mapped log that ext4 no longer takes is a bus error.
        if ended not in (0, -signal.SIGKILL, -signal.SIGBUS):
            raise BrokenPromiseError(f"the writing process ended by itself with {ended}")
        self.pinned |= history.pinned(self.rows)
        self.disk.mount()
        try:
            found = read_back(self.disk.place / "db", plan, self.pinned)
            copy_count = check_copies(self.disk.place, plan.kind, history, self.rows)
        finally:
            self.disk.unmount()
        if fault := history.fault(self.rows, found):
            raise BrokenPromiseError(fault)
        self.counts["copies"] += copy_count
        self.counts["acknowledged"] += sum(history.acknowledged)
        self.counts["durable"] += sum(history.durable)
        self.counts["gone"] += history.lost(self.rows, found)
        self.counts["while opening"] += not history.opened
        self.counts["refused"] += bool(history.refused)
        self.counts["bus error"] += ended == -signal.SIGBUS
        self.rows = found


@contextlib.contextmanager
def disk_in(folder: Path) -> Iterator[Disk]:
    """A disk in folder, which is removed again also when this process is asked to end."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    disk = Disk(folder)
    try:
        yield disk
    finally:
        disk.close()


def cut_all(kind: Kind, count: int, seed: int) -> None:
    """Makes the cuts of one engine and prints what they came to."""
    with disk_in(FOLDER / f"run-{os.getpid()}") as disk:
        run = Run(seed, kind, disk)
        for number in range(count):
            run.cut(number)
        disk.check()
    counts = run.counts
    print(
        f"{count} power cuts of ext4 under {kind.name}, seed {seed}, "
        f"{counts['while opening']} while opening: "
        f"{counts['acknowledged']:,} acknowledged writes, {counts['durable']:,} durable, 0 of them "
        f"lost; {counts['gone']:,} not durable are gone, no hole; "
        f"{counts['copies']} checkpoints whole; after the cut a named error reached "
        f"{counts['refused']} processes, {counts['bus error']} died of a bus error"
    )


def main() -> int:
    """Makes the cuts; returns the exit code."""
    count = int(os.environ.get("PYKV_CUTS") or CUTS_DEFAULT)
    seed = int(os.environ.get("PYKV_SEED") or time.time_ns() % 1_000_000_000)
    name = os.environ.get("PYKV_ENGINE")
    try:
        enter_namespace()
        for kind in KINDS:
            if name in (None, "", kind.name):
                cut_all(kind, count, seed)
    except CannotRunError as error:
        print(f"power cuts cannot run here: {error}", file=sys.stderr)
        return 2
    except BrokenPromiseError as error:
        print(f"FAILED {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
