"""The namespace of the quickstart: a copy of every file, dropped in one step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import pykv
from pykv.cli.output import count_text, size_text
from pykv.cli.quickstart_contents import DifferenceError, Expected, check_all, groups
from pykv.cli.quickstart_report import Work

NAME: Final = "copy"
# Of the bytes that a namespace took at most so many may stay: a share, and heads of files.
SHARE_KEPT_MAX: Final = 0.1
HEAD_BYTES: Final = 65_536


@dataclass(frozen=True)
class Dropped:
    """Keys of a namespace that was dropped, the seconds of that step, and bytes on disk.

    bytes_before: with the namespace.  bytes_after: once its space was given back.
    """

    key_count: int
    seconds: float
    bytes_before: int
    bytes_after: int

    def text(self) -> str:
        """One line for the report."""
        keys = f"{count_text(self.key_count, 'key')} in {self.seconds * 1e3:,.1f} ms"
        space = f"{size_text(self.bytes_before)} on disk to {size_text(self.bytes_after)}"
        return f"a namespace of {keys}: {space}"


def fill_and_drop(db: pykv.Store, expected: Expected) -> Dropped:
    """Copies every file to a namespace, compares, drops it, and sees the space come back.

    db is on disk. DifferenceError where the namespace is not a copy, where the rows of db are not
    as before, or where too much of the space stays.
    """
    bytes_without = _disk_bytes(db)
    _fill(db, expected)
    db.flush()
    bytes_before = _disk_bytes(db)
    start = time.perf_counter()
    db.drop_namespace(NAME)
    seconds = time.perf_counter() - start
    db.compact()
    bytes_after = _disk_bytes(db)
    if NAME in db.namespaces():
        raise DifferenceError("the namespace is there after its drop")
    check_all(db, expected, Work())
    taken, kept = bytes_before - bytes_without, bytes_after - bytes_without
    if kept > taken * SHARE_KEPT_MAX + HEAD_BYTES:
        raise DifferenceError(f"{size_text(kept)} of the namespace did not come back")
    return Dropped(len(expected.files), seconds, bytes_before, bytes_after)


def _fill(db: pykv.Store, expected: Expected) -> None:
    files = expected.files
    with db.namespace(NAME, create=True) as copy:
        for group in groups(list(files), lambda key: files[key].byte_count):
            copy.put_many(list(zip(group, db.get_many(group, b""), strict=True)))
        check_all(copy, Expected(files), Work())


def _disk_bytes(db: pykv.Store) -> int:
    count: int = db.stats()["disk_bytes"]
    return count
