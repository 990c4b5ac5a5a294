"""The memory engine: an ordered store whose rows end with the process.

The rows of a namespace are one immutable map; all of them are published with their sequence number
as one moment. Readers and scans take the moment they find and need no lock. A writer makes the next
moment from the last one and publishes it with one assignment: a batch that raises or is interrupted
has changed nothing.

What has expired leaves with the next call, which publishes a moment without it first: so it is
absent for everybody at once. That is no write and has no sequence number.

Writers take a lock that its holder may take again, because a finalizer or a signal handler may
write in the middle of a write of the same thread. Such a write is published first, and the
interrupted one starts again from it.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pykv.arguments import timeout_us_of
from pykv.engine.expiring_map import ExpiringMap
from pykv.engine.memory_moment import DEFAULT_SPACE, Moment
from pykv.engine.memory_space import MemorySpace
from pykv.engine.registry import Engine
from pykv.errors import ClosedError, ForkedError
from pykv.options import MemoryOptions
from pykv.store import State

_open_stores: weakref.WeakSet[Memory] = weakref.WeakSet()


class Memory(MemorySpace):
    """An ordered store in memory. Any thread may use it; after a fork only the parent.

    path: a label for `path` and repr; nothing is read from or written to it.
    """

    __slots__ = ("__weakref__", "_forked", "_high_us", "_lock", "_moment", "_options", "_path")

    def __init__(self, path: Path | None = None, options: MemoryOptions | None = None) -> None:
        self._path = path
        self._options = MemoryOptions() if options is None else options
        self._lock = threading.RLock()
        self._forked = False
        self._high_us = 0
        self._moment: Moment | None = Moment(ExpiringMap(), 0)
        _open_stores.add(self)

    @property
    def _root(self) -> Memory:
        return self

    @property
    def _space(self) -> int:
        return DEFAULT_SPACE

    def _find(self, moment: Moment) -> ExpiringMap:
        return moment.rows

    @property
    def state(self) -> State:
        """ "open", or "closed" after close and in a forked child."""
        return "closed" if self._moment is None else "open"

    # ---- moments ----

    def _clock_us(self) -> int:
        self._high_us = max(self._high_us, time.time_ns() // 1_000)
        return self._high_us

    def _moment_now(self) -> Moment:
        moment = self._moment
        if moment is None and self._forked:
            raise ForkedError("a memory store of the parent is empty here", path=self._path)
        if moment is None:
            raise ClosedError(f"{self!r} is closed", path=self._path)
        if moment.due_us and moment.due_us <= self._clock_us():
            return self._expire()
        return moment

    def _expire(self) -> Moment:
        """Publishes the moment without what has expired, and returns it."""
        with self._lock:
            while (before := self._moment) is not None:
                after = before.without_expired(self._clock_us())
                after = after._replace(due_us=after.first_deadline_us())
                if self._moment is before:
                    self._moment = after
                    return after
        return self._moment_now()

    def _publish(self, edit: Callable[[Moment], tuple[Moment, int]]) -> Moment:
        """Publishes edit(moment): a new one and the number of writes. Returns the one before."""
        with self._lock:
            while True:
                before = self._moment_now()
                edited, write_count = edit(before)
                after = edited._replace(
                    last_seq=before.last_seq + write_count, due_us=edited.first_deadline_us()
                )
                if self._moment is before:
                    self._moment = after
                    return before

    def _handle_of(self, name: str, space: int) -> MemoryNamespace:
        return MemoryNamespace(self, name, space)

    def close(self, timeout: float | None = None) -> None:
        """Forgets all rows and ends all scans. TimeoutError after timeout seconds of a write."""
        wait_us = timeout_us_of(timeout)
        seconds = -1 if wait_us < 0 else min(wait_us / 1_000_000, threading.TIMEOUT_MAX)
        if not self._lock.acquire(timeout=seconds):
            raise TimeoutError("a write is still under way: call close() again")
        try:
            self._moment = None
        finally:
            self._lock.release()


class MemoryNamespace(MemorySpace):
    """A namespace of a memory store. Any thread may use it; after a fork only the parent."""

    __slots__ = ("__weakref__", "_closed", "_id", "_name", "_options", "_store")

    def __init__(self, store: Memory, name: str, space: int) -> None:
        self._store = store
        self._name = name
        self._id = space
        self._closed = False
        self._options = store._options

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def _root(self) -> Memory:
        return self._store

    @property
    def _space(self) -> int:
        return self._id

    def _find(self, moment: Moment) -> ExpiringMap:
        rows = moment.of(self._id)
        if self._closed:
            raise ClosedError(
                f"the handle to the namespace {self._name!r} was closed", path=self.path
            )
        if rows is None:
            raise ClosedError(f"the namespace {self._name!r} was dropped", path=self.path)
        return rows

    @property
    def state(self) -> State:
        """ "open", or "closed" after close or a drop, and in a forked child."""
        moment = self._store._moment
        is_open = moment is not None and moment.of(self._id) is not None and not self._closed
        return "open" if is_open else "closed"

    def __del__(self) -> None:
        """Silent: what a handle left open holds is the store's."""

    def __repr__(self) -> str:
        return f"<pykv.MemoryNamespace {self._name!r} {self.state}>"

    def close(self, timeout: float | None = None) -> None:
        """Ends this handle and its scans, and nothing else. It waits for nobody."""
        timeout_us_of(timeout)
        self._closed = True


def _leave_in_child() -> None:
    """Ends the stores of the parent in a forked child, where their locks may be held for ever."""
    for store in list(_open_stores):
        if store._moment is not None:
            store._forked = True
            store._lock = threading.RLock()
            store._moment = None


os.register_at_fork(after_in_child=_leave_in_child)

ENGINE: Final = Engine(name="memory", options=MemoryOptions, open=Memory, needs_path=False)
