"""Reads of databases of others at kept moments: scans, cursors and snapshots."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

from pykv.adapters._peer import Moment
from pykv.arguments import BytesLike, as_bytes, check_limit, key_range
from pykv.engine.order import OrderedReaderBase
from pykv.errors import ClosedError
from pykv.reader import Row

if TYPE_CHECKING:
    from pykv.adapters._store import AdapterStore


class _Kept:
    """A moment of a store, given up when it is closed, dropped, or the store is closed."""

    what = "the scan"

    def __init__(self, store: AdapterStore, moment: Moment) -> None:
        self._of = store
        self._moment: Moment | None = moment
        self._lock = Lock()
        self._close_moment = weakref.finalize(self, moment.close)
        self._close_moment.atexit = False
        store._watch(self)

    def _now(self) -> Moment:
        self._of._check_open()
        if self._moment is None:
            raise ClosedError(f"{self.what} is closed", path=self._of.path)
        return self._moment

    def close(self) -> None:
        """Gives the moment up; silent where that is done."""
        self._moment = None
        self._close_moment()


class _Scan(_Kept):
    """The rows of a range, one by one."""

    def __init__(
        self,
        store: AdapterStore,
        moment: Moment,
        bounds: tuple[bytes, bytes | None],
        reverse: bool,
        limit: int | None,
    ) -> None:
        super().__init__(store, moment)
        self._left = limit
        with store._guarded():
            self._rows = moment.rows(*bounds, reverse)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        self._of._check_open()
        row = None
        if self._moment is not None and self._left != 0:
            with self._of._guarded():
                row = next(self._rows, None)
        if row is None:
            self._of._check_open()  # whose close ends scans
            self.close()
            raise StopIteration
        if self._left is not None:
            self._left -= 1
        return row

    def close(self) -> None:
        self._rows = iter(())
        super().close()


class AdapterCursor(_Kept):
    """Goes over the rows of a range in both directions: see `pykv.Cursor`."""

    what = "the cursor"

    def __init__(
        self, store: AdapterStore, moment: Moment, bounds: tuple[bytes, bytes | None]
    ) -> None:
        super().__init__(store, moment)
        self._low, self._high = bounds
        self._rows: Iterator[Row] = iter(())
        self._backwards = False
        self._row: Row | None = None
        self._before = True  # where it stands when it stands on no row

    def _go(self, start: bytes, stop: bytes | None, backwards: bool) -> bool:
        """To the first row of a part of the range, in a direction."""
        moment = self._now()
        low = max(start, self._low)
        high = min((each for each in (stop, self._high) if each is not None), default=None)
        with self._of._guarded():
            empty = high is not None and high <= low
            self._rows = iter(()) if empty else moment.rows(low, high, backwards)
        self._backwards = backwards
        return self._step()

    def _step(self) -> bool:
        self._now()
        with self._of._guarded():
            self._row = next(self._rows, None)
        if self._row is None:
            self._before = self._backwards
        return self._row is not None

    def seek(self, key: BytesLike, /) -> bool:
        """To the first row from key on; tells whether there is one."""
        self._now()
        return self._go(as_bytes(key, "key"), None, False)

    def seek_back(self, key: BytesLike, /) -> bool:
        """To the last row up to key; tells whether there is one."""
        self._now()
        return self._go(b"", as_bytes(key, "key") + b"\0", True)

    def first(self) -> bool:
        """To the first row; tells whether there is one."""
        return self._go(b"", None, False)

    def last(self) -> bool:
        """To the last row; tells whether there is one."""
        return self._go(b"", None, True)

    def next(self) -> bool:
        """To the next row; tells whether there is one."""
        self._now()
        if self._row is None:
            return self.first() if self._before else False
        if not self._backwards:
            return self._step()
        return self._go(self._row[0] + b"\0", None, False)

    def prev(self) -> bool:
        """To the row before; tells whether there is one."""
        self._now()
        if self._row is None:
            return False if self._before else self.last()
        if self._backwards:
            return self._step()
        return self._go(b"", self._row[0], True)

    def _stood_on(self) -> Row:
        self._now()
        if self._row is None:
            raise IndexError("the cursor stands on no row")
        return self._row

    @property
    def key(self) -> bytes:
        """The key of the row it stands on; IndexError off the rows."""
        return self._stood_on()[0]

    @property
    def value(self) -> bytes:
        """The value of that row; IndexError off the rows."""
        return self._stood_on()[1]

    def __enter__(self) -> Self:
        self._now()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AdapterReader(OrderedReaderBase):
    """The scans of a store or a snapshot that gives moments."""

    @abstractmethod
    def _new_moment(self) -> Moment:
        """A moment of its own for a scan. ClosedError, ForkedError."""

    def _store(self) -> AdapterStore:
        store: Any = self
        found: AdapterStore = store
        return found

    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Row]:
        """The rows of a range at the moment of this call, in byte order."""
        check_limit(limit)
        low, high = key_range(start, stop, prefix)
        if high is not None and high <= low:
            self._check_open()
            limit, low, high = 0, b"", None
        return self._begin((low, high), bool(reverse), limit)

    def _begin(
        self, bounds: tuple[bytes, bytes | None], reverse: bool, limit: int | None
    ) -> Iterator[Row]:
        return _Scan(self._store(), self._new_moment(), bounds, reverse, limit)

    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> AdapterCursor:
        """A cursor over a range at the moment of this call, before its first row."""
        bounds = key_range(start, stop, prefix)
        return AdapterCursor(self._store(), self._new_moment(), bounds)

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range; it walks over them."""
        low, high = key_range(start, stop, prefix)
        empty = high is not None and high <= low
        return sum(1 for _ in self._begin((low, high), False, 0 if empty else None))


class SharedMoment:
    """A moment that a snapshot shares with its scans: the last of them gives it up."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._users = 1
        self._lock = Lock()

    def join(self) -> Moment:
        """One user more: the moment for it."""
        with self._lock:
            self._users += 1
        return _Part(self, self._moment)

    def get(self, key: bytes) -> bytes | None:
        """The value of key."""
        return self._moment.get(key)

    def leave(self) -> None:
        """One user less."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self._moment.close()


class _Part:
    """What a scan of a snapshot has."""

    def __init__(self, shared: SharedMoment, moment: Moment) -> None:
        self._shared: SharedMoment | None = shared
        self._moment = moment

    def get(self, key: bytes) -> bytes | None:
        return self._moment.get(key)

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        return self._moment.rows(start, stop, reverse)

    def close(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            shared.leave()


class _SnapshotMoment(_Kept):
    what = "the snapshot"


class AdapterSnapshot(AdapterReader):
    """A database of others at one moment, kept until it is closed, dropped, or the store is."""

    def __init__(self, store: AdapterStore, moment: Moment) -> None:
        self._shared = SharedMoment(moment)
        self._kept = _SnapshotMoment(store, self._shared.join())
        self._shared.leave()
        self._of = store

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._of.path

    @property
    def closed(self) -> bool:
        """True once it or its store is closed."""
        return self._kept._moment is None or self._of.closed

    def _store(self) -> AdapterStore:
        return self._of

    def _new_moment(self) -> Moment:
        self._kept._now()
        return self._shared.join()

    def _check_open(self) -> None:
        self._kept._now()

    def _get(self, key: bytes) -> bytes | None:
        moment = self._kept._now()
        with self._of._guarded():
            return moment.get(key)

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done. Scans that were opened go on."""
        self._kept.close()
