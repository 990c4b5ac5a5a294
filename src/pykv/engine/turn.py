"""Turns of threads, which no interrupt leaves taken."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from typing import Any


class Turn:
    """One thread at a time. What runs in the middle of a turn of its own thread, as a signal
    handler or a finalizer does, would wait for what it has interrupted: it is refused. Thread-safe.

    what: what a thread has the turn for, as "a write to the store".
    """

    __slots__ = ("_lock", "_process", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._process = os.getpid()
        self._lock: Any = threading.RLock()

    def refuse_inside(self) -> None:
        """RuntimeError where this thread has the turn."""
        if self._lock._is_owned():
            raise RuntimeError(
                f"this thread is in the middle of {self._what}: call when that is over"
            )

    def taken(self) -> AbstractContextManager[object]:
        """What waits for the turn, and has it for the time of a `with` block. RuntimeError.

        It is the lock itself: an interrupt strikes between taking a lock and the block that gives
        it back wherever there is a line of Python between, as in a generator of contextlib.
        """
        if self._process != os.getpid():  # a child: the thread that had the turn is not here
            self._lock, self._process = threading.RLock(), os.getpid()
        self.refuse_inside()
        lock: AbstractContextManager[object] = self._lock
        return lock
