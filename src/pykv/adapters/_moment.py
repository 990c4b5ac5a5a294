"""Reads of databases of others at kept moments: scans, cursors and snapshots."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

from pykv.adapters._forked import never_end_in_child
from pykv.adapters._peer import Moment
from pykv.arguments import BytesLike, as_bytes, check_limit, key_range
from pykv.engine.cursor import CursorBase
from pykv.engine.order import OrderedReaderBase
from pykv.errors import ClosedError
from pykv.reader import CloseableIterator, Row

if TYPE_CHECKING:
    from pykv.adapters._store import AdapterStore


class SharedMoment:
    """A moment that threads use in turn; it is given up when nobody refers to it any more.

    So a close beside a read, or a scan that outlives its snapshot, ends nothing that is in use.
    """

    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._turn = RLock()
        self._give_up = weakref.finalize(self, moment.close)
        self._give_up.atexit = False
        never_end_in_child(self)

    def get(self, key: bytes) -> bytes | None:
        """The value of key."""
        with self._turn:
            return self._moment.get(key)

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        """The rows of [start, stop), stop None: to the last, in byte order or backwards."""
        with self._turn:
            return _Rows(self, self._moment.rows(start, stop, reverse))

    def next_of(self, rows: Iterator[Row]) -> Row:
        """The next of rows that the moment gave. StopIteration."""
        with self._turn:
            return next(rows)

    def close(self) -> None:
        """Gives it up now: no call of it is under way."""
        self._give_up()


class _Rows:
    """Rows of a moment, which they keep."""

    __slots__ = ("__weakref__", "_rows", "_shared")

    def __init__(self, shared: SharedMoment, rows: Iterator[Row]) -> None:
        self._shared = shared
        self._rows = rows
        never_end_in_child(self)

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        return self._shared.next_of(self._rows)


class _Kept:
    """A moment of a store, let go of when it is closed, dropped, or the store is closed."""

    what = "the scan"

    def __init__(self, store: AdapterStore, moment: SharedMoment) -> None:
        self._of = store
        self._moment: SharedMoment | None = moment
        store._watch(self)

    def _now(self) -> SharedMoment:
        self._of._check_open()
        moment = self._moment
        if moment is None:
            raise ClosedError(f"{self.what} is closed", path=self._of.path)
        return moment

    def close(self) -> None:
        """Lets the moment go; silent where that is done."""
        self._moment = None

    def end(self) -> None:
        """Gives the moment up with the store, of which no call is under way."""
        moment = self._moment
        self.close()
        if moment is not None:
            moment.close()


class _Scan(_Kept):
    """The rows of a range, one by one."""

    def __init__(
        self,
        store: AdapterStore,
        moment: SharedMoment,
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


class AdapterCursor(_Kept, CursorBase):
    """Goes over the rows of a range in both directions: see `pykv.Cursor`."""

    what = "the cursor"

    def __init__(
        self, store: AdapterStore, moment: SharedMoment, bounds: tuple[bytes, bytes | None]
    ) -> None:
        super().__init__(store, moment)
        self._low, self._high = bounds
        self._rows: Iterator[Row] = iter(())
        self._backwards = False
        self._row = None
        self._before = True  # where it stands when it stands on no row

    def _check_open(self) -> None:
        self._now()

    def close(self) -> None:
        """Lets the moment go; silent where that is done."""
        super().close()
        self._rows = iter(())
        self._row = None

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


class AdapterReader(OrderedReaderBase):
    """The scans of a store or a snapshot that gives moments."""

    @abstractmethod
    def _new_moment(self) -> SharedMoment:
        """The moment of a scan. ClosedError, ForkedError."""

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
    ) -> CloseableIterator[Row]:
        """The rows of a range at the moment of this call, in byte order."""
        check_limit(limit)
        low, high = key_range(start, stop, prefix)
        if high is not None and high <= low:
            self._check_open()
            limit, low, high = 0, b"", None
        return self._begin((low, high), bool(reverse), limit)

    def _begin(
        self, bounds: tuple[bytes, bytes | None], reverse: bool, limit: int | None
    ) -> CloseableIterator[Row]:
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


class _SnapshotMoment(_Kept):
    what = "the snapshot"


class AdapterSnapshot(AdapterReader):
    """A database of others at one moment, kept until it is closed, dropped, or the store is."""

    def __init__(self, store: AdapterStore, moment: SharedMoment, last_seq: int) -> None:
        self._kept = _SnapshotMoment(store, moment)
        self._of = store
        self._last_seq = last_seq

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._of.path

    @property
    def closed(self) -> bool:
        """True once it or its store is closed."""
        return self._kept._moment is None or self._of.closed

    @property
    def last_seq(self) -> int:
        """`last_seq` of the store when it was made; it may show writes behind that."""
        self._check_open()
        return self._last_seq

    def expires_at(self, key: BytesLike) -> float | None:
        """Not supported, as at the store."""
        self._check_open()
        return self._of.expires_at(key)

    def _store(self) -> AdapterStore:
        return self._of

    def _new_moment(self) -> SharedMoment:
        return self._kept._now()

    def _check_open(self) -> None:
        self._kept._now()

    def _check_scans(self) -> None:
        self._of._check_open()

    def _get(self, key: bytes) -> bytes | None:
        moment = self._kept._now()
        with self._of._guarded():
            return moment.get(key)

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done. Scans that were opened go on."""
        self._kept.close()
