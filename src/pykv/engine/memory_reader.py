"""Reads of the memory engine: of the rows of now, and of those that a snapshot keeps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, overload

from pykv.arguments import BytesLike, as_bytes, check_limit, key_range
from pykv.engine.cursor import CursorBase
from pykv.engine.order import OrderedReaderBase
from pykv.engine.ordered_map import OrderedMap
from pykv.errors import ClosedError
from pykv.reader import CloseableIterator, Row

T = TypeVar("T")


class MemoryReader(OrderedReaderBase):
    """Reads over one primitive."""

    __slots__ = ()

    @abstractmethod
    def _rows(self) -> OrderedMap:
        """The rows to read. ClosedError, ForkedError."""

    def _get(self, key: bytes) -> bytes | None:
        return self._rows().get(key)

    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: T) -> list[bytes | T]: ...
    def get_many(self, keys: Iterable[BytesLike], default: object = None) -> list[Any]:
        """The value of each key, or default, all at the moment of this call."""
        get = self._rows().get
        found = [get(as_bytes(key, "key")) for key in keys]
        return [default if value is None else value for value in found]

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
        rows = self._rows()
        first, last = _ranks(rows, start, stop, prefix)
        if limit is not None and reverse:
            first = max(first, last - limit)
        elif limit is not None:
            last = min(last, first + limit)
        return self._stream(rows.slices(first, last, bool(reverse)))

    def _stream(self, runs: Iterator[tuple[Row, ...]]) -> CloseableIterator[Row]:
        """The rows of runs one by one, for as long as the store is open."""
        self._check_scans()
        for run in runs:
            for row in run:
                yield row
                self._check_scans()

    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> MemoryCursor:
        """A cursor over a range at the moment of this call, before its first row."""
        rows = self._rows()
        return MemoryCursor(self, rows, *_ranks(rows, start, stop, prefix))

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range. O(log n)."""
        first, last = _ranks(self._rows(), start, stop, prefix)
        return last - first


class MemoryCursor(CursorBase):
    """Goes over the rows of two ranks, in both directions. One thread at a time may use it.

    at: the rank where it stands; first - 1 before the rows, last behind them.
    """

    __slots__ = ("_at", "_first", "_last", "_reader", "_rows")

    def __init__(self, reader: MemoryReader, rows: OrderedMap, first: int, last: int) -> None:
        self._reader = reader
        self._rows: OrderedMap | None = rows
        self._first = first
        self._last = last
        self._at = first - 1
        self._row = None

    def _open_rows(self) -> OrderedMap:
        if self._rows is None:
            raise ClosedError("the cursor is closed", path=self._reader.path)
        self._reader._check_open()
        return self._rows

    def _check_open(self) -> None:
        self._open_rows()

    def _go(self, rank: int) -> bool:
        rows = self._open_rows()
        self._at = min(max(rank, self._first - 1), self._last)
        self._row = None
        if self._first <= self._at < self._last:
            self._row = next(rows.slices(self._at, self._at + 1))[0]
        return self._row is not None

    def seek(self, key: BytesLike, /) -> bool:
        """To the first row from key on; tells whether there is one."""
        exact = as_bytes(key, "key")
        return self._go(max(self._open_rows().rank(exact), self._first))

    def seek_back(self, key: BytesLike, /) -> bool:
        """To the last row up to key; tells whether there is one."""
        after = as_bytes(key, "key") + b"\0"
        return self._go(min(self._open_rows().rank(after), self._last) - 1)

    def first(self) -> bool:
        """To the first row; tells whether there is one."""
        return self._go(self._first)

    def last(self) -> bool:
        """To the last row; tells whether there is one."""
        return self._go(self._last - 1)

    def next(self) -> bool:
        """To the next row; tells whether there is one."""
        return self._go(self._at + 1)

    def prev(self) -> bool:
        """To the row before; tells whether there is one."""
        return self._go(self._at - 1)

    def close(self) -> None:
        """Forgets the rows; silent where that is done."""
        self._rows = None
        self._row = None


def _ranks(
    rows: OrderedMap,
    start: BytesLike | None,
    stop: BytesLike | None,
    prefix: BytesLike | None,
) -> tuple[int, int]:
    """The ranks [first, last) of the rows in a range."""
    low, high = key_range(start, stop, prefix)
    first = rows.rank(low)
    last = len(rows) if high is None else rows.rank(high)
    return first, max(first, last)
