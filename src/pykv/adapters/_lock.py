"""The lock of the one store that writes, in a file of ours: not every database has one."""

from __future__ import annotations

import fcntl
import os
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
