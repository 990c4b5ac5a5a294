"""What the store of the quickstart must hold, and whether it does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import pykv
from pykv.cli import quickstart_writer
from pykv.cli.failures import Exit, Failure
from pykv.cli.progress import progress_bar
from pykv.cli.quickstart_report import Work

DIFFERENCES_MAX: Final = 10
GROUP_FILES: Final = 100
GROUP_BYTES: Final = 4 << 20

_Item = TypeVar("_Item")


class DifferenceError(Failure):
    """Something in the store is not as it should be."""

    def __init__(self, message: str) -> None:
        super().__init__(f"it differs: {message}", Exit.CORRUPTION)


def fail_on(found: list[str]) -> None:
    """Raises DifferenceError with the first faults, and the number of the others."""
    if len(found) > DIFFERENCES_MAX:
        found[DIFFERENCES_MAX:] = [f"and {len(found) - DIFFERENCES_MAX:,} more"]
    if found:
        raise DifferenceError("; ".join(found))


@dataclass(frozen=True)
class Contents:
    """What a value must be: its digest, and its size in bytes."""

    digest: bytes
    byte_count: int

    @classmethod
    def of(cls, value: bytes) -> Contents:
        """The Contents of a value."""
        return cls(hashlib.sha256(value).digest(), len(value))


@dataclass
class Expected:
    """What the store must hold: files by their keys, and the writes of a child."""

    files: dict[bytes, Contents]
    acknowledged_count: int = 0

    def copy(self) -> Expected:
        """What the store must hold now, whatever is expected later."""
        return replace(self, files=dict(self.files))


def check_all(db: pykv.Reader, expected: Expected, work: Work) -> None:
    """Reads everything back and compares. DifferenceError names what differs."""
    found = _wrong_files(db, expected.files, work)
    found += quickstart_writer.differences(db, expected.acknowledged_count)
    allowed = quickstart_writer.child_keys(db, expected.acknowledged_count)
    extra = set(db.keys()) - expected.files.keys() - allowed
    found += [f"{key!r} should not be there" for key in sorted(extra)]
    fail_on(found)


def _wrong_files(db: pykv.Reader, wanted: dict[bytes, Contents], work: Work) -> list[str]:
    found = []
    with progress_bar("read back", "files") as advance:
        for group in groups(list(wanted), lambda key: wanted[key].byte_count):
            with work.timed():
                values = db.get_many(group)
            for key, value in zip(group, values, strict=True):
                if value is None:
                    found.append(f"{key!r} is missing")
                elif Contents.of(value) != wanted[key]:
                    found.append(f"{key!r} is not what was stored")
                work.count(value or b"")
            advance(work.file_count, len(wanted))
    return found


def groups(items: list[_Item], size_of: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """Runs of items with at most GROUP_FILES of them or GROUP_BYTES, each at least one."""
    group: list[_Item] = []
    group_bytes = 0
    for item in items:
        size = size_of(item)
        if group and (len(group) == GROUP_FILES or group_bytes + size > GROUP_BYTES):
            yield group
            group, group_bytes = [], 0
        group.append(item)
        group_bytes += size
    yield group
