"""Reads of the memory engine: of the rows of now, and of those that a snapshot keeps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar, overload

from pykv.arguments import BytesLike, as_bytes, check_limit, key_range
from pykv.engine.order import OrderedReaderBase
from pykv.engine.ordered_map import OrderedMap
from pykv.reader import Row

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
    ) -> Iterator[Row]:
        """The rows of a range at the moment of this call, in byte order."""
        check_limit(limit)
        rows = self._rows()
        first, last = _ranks(rows, start, stop, prefix)
        if limit is not None and reverse:
            first = max(first, last - limit)
        elif limit is not None:
            last = min(last, first + limit)
        return self._stream(rows.slices(first, last, bool(reverse)))

    def _stream(self, runs: Iterator[tuple[Row, ...]]) -> Iterator[Row]:
        """The rows of runs one by one, for as long as it is open."""
        self._rows()
        for run in runs:
            for row in run:
                yield row
                self._rows()

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
