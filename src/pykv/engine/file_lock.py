"""Locks of files that belong to this process: a forked child has no part in them.

The lock of `flock` is of an open file, which a child inherits: without more it would hold the lock
for as long as it lives, in the name of a parent that has closed it or died.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path


class FileLock:
    """A lock of the file at path, which is made. One thread at a time uses it.

    Raises BlockingIOError where another process or another FileLock holds it, unless both are
    shared, and what opening raises.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        _held.add(self)
        try:
            fcntl.flock(self._descriptor, _HOW[shared] | fcntl.LOCK_NB)
        except BaseException:
            self.release()
            raise

    def write(self, data: bytes) -> None:
        """Writes data over the beginning of the file."""
        os.pwrite(self._descriptor, data, 0)

    def release(self) -> None:
        """Gives it up; silent where that is done, and in a forked child."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            # A child between its fork and its hook has the file open too.
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _leave_to_parent(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


_HOW = {False: fcntl.LOCK_EX, True: fcntl.LOCK_SH}
_held: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _leave_all_to_parent() -> None:
    for each in list(_held):
        each._leave_to_parent()


os.register_at_fork(after_in_child=_leave_all_to_parent)
