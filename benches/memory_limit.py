"""A limit of memory for one child process, page cache included: a control group made for it.

The group is made below that of this process or, where version 2 does not let a group with
processes hand its memory down, beside it. Root may do so, and whoever was handed a part of the
tree, as by `systemd-run --user --scope -p Delegate=yes`. A limit of the address space (setrlimit)
would not do: it does not hold for the page cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

PROC = Path("/proc/self")
_TRIES = 50
_TRY_SECONDS = 0.1

_FILES = {
    "cgroup2": (("memory.max", "{bytes}"), ("memory.swap.max", "0")),
    "cgroup": (
        ("memory.limit_in_bytes", "{bytes}"),
        ("memory.memsw.limit_in_bytes", "{bytes}"),
    ),
}
"""Files to write, by type of the file system; the first must be there, those behind need not."""


@dataclass(frozen=True)
class Limit:
    """A group's directory, "" where none could be made, and then why."""

    group: str = ""
    missing: str = ""


@contextmanager
def memory_limit(limit_bytes: int, proc: Path = PROC) -> Iterator[Limit]:
    """A group with that limit while the block runs, which must end the processes it puts there."""
    reasons: list[str] = []
    for kind, parent in _parents(proc):
        group = parent / f"pykv-bench-{os.getpid()}"
        try:
            _make(kind, group, limit_bytes)
        except OSError as error:
            reasons.append(f"{parent}: {error.strerror}")
            continue
        try:
            yield Limit(str(group))
        finally:
            _remove(group)
        return
    yield Limit(missing="; ".join(reasons) or "no control groups of memory are mounted")


def enter(group: str) -> None:
    """Moves this process into the group; none for ""."""
    if group:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")


def _parents(proc: Path) -> Iterator[tuple[str, Path]]:
    """Types and directories of groups below which one may be made, the best first."""
    mounts = {}
    for line in (proc / "mounts").read_text(encoding="utf-8").splitlines():
        _device, point, kind, options = line.split(" ")[:4]
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            mounts[kind] = Path(point)
    for line in (proc / "cgroup").read_text(encoding="utf-8").splitlines():
        _number, controllers, path = line.split(":", 2)
        kind = "cgroup" if controllers else "cgroup2"
        if kind in mounts and (not controllers or "memory" in controllers.split(",")):
            own = mounts[kind] / path.lstrip("/")
            if not own.is_dir():
                own = mounts[kind]
            yield kind, own
            if kind == "cgroup2" and own != mounts[kind]:
                yield kind, own.parent


def _make(kind: str, group: Path, limit_bytes: int) -> None:
    group.mkdir()
    try:
        for number, (name, text) in enumerate(_FILES[kind]):
            if number == 0 or (group / name).exists():
                _write(group / name, text.format(bytes=limit_bytes))
    except OSError:
        _remove(group)
        raise


def _write(file: Path, text: str) -> None:
    """Writes a file that is there: the system makes those of a group, and no others."""
    with file.open("r+", encoding="ascii") as stream:
        stream.write(text)


def _remove(group: Path) -> None:
    """Removes the group; one whose last process has just ended may be busy for a moment."""
    for _ in range(_TRIES):
        try:
            group.rmdir()
        except OSError:
            sleep(_TRY_SECONDS)
        else:
            return
