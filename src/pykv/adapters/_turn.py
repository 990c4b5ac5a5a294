"""The turns of the writers of a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WriterTurn:
    """One writer at a time. What runs in the middle of a write of its own thread, as a signal
    handler or a finalizer does, would wait for what it has interrupted: it is refused."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._is_taken = False

    def refuse_inside(self) -> None:
        """RuntimeError where this thread has the turn."""
        if self._lock.acquire(blocking=False):
            is_inside = self._is_taken
            self._lock.release()
            if is_inside:
                raise RuntimeError(
                    "this thread is in the middle of a write to the store: call when that is over"
                )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Waits for the turn, and has it for the time of a block. RuntimeError."""
        self.refuse_inside()
        with self._lock:
            try:
                self._is_taken = True
                yield
            finally:
                self._is_taken = False
