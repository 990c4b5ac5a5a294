"""The file of the one store that writes, for not every database has one: its lock, and the last
sequence number when it closed."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from pykv.errors import LockedError

LOCK_NAME: Final = "LOCK.pykv"


def lock_writer(path: Path) -> int:
    """A descriptor that holds the lock of the writer. LockedError."""
    descriptor = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockedError(f"{path} is open", path=path) from None
    return descriptor


def note_seq(descriptor: int, seq: int) -> None:
    """For the next who opens it; on a full disk the times of the files have to do."""
    with suppress(OSError):
        os.pwrite(descriptor, b"%020d\n" % seq, 0)


def noted_seq(path: Path) -> int:
    """What the last writer noted: times of files go by ticks, and go with the files."""
    place = path / LOCK_NAME
    text = place.read_bytes() if place.is_file() else b""
    return int(text) if text.strip().isdigit() else 0
