"""The file of the one store that writes, for not every database has one: its lock, and the last
sequence number when it closed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from pykv.engine.file_lock import FileLock
from pykv.errors import LockedError

LOCK_NAME: Final = "LOCK.pykv"


def lock_writer(path: Path) -> FileLock:
    """The lock of the writer. LockedError."""
    try:
        return FileLock(path / LOCK_NAME)
    except BlockingIOError:
        raise LockedError(f"{path} is open", path=path) from None


def note_seq(lock: FileLock, seq: int) -> None:
    """For the next who opens it; on a full disk the times of the files have to do."""
    with suppress(OSError):
        lock.write(b"%020d\n" % seq)


def noted_seq(path: Path) -> int:
    """What the last writer noted: times of files go by ticks, and go with the files."""
    place = path / LOCK_NAME
    text = place.read_bytes() if place.is_file() else b""
    return int(text) if text.strip().isdigit() else 0
