"""Scans of native stores and of snapshots of them, over one primitive."""

from __future__ import annotations

import sys
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from pykv._native import SCAN_KEYS, SCAN_ROWS, SCAN_VALUES, lib
from pykv.arguments import BytesLike, check_limit, key_range
from pykv.engine.native_arrays import NativeArrayReader
from pykv.reader import CloseableIterator, Cursor, Row


class NativeReader(NativeArrayReader):
    """The scans that a class with `_scan` has."""

    __slots__ = ()

    if TYPE_CHECKING:
        # Of the class that this is mixed into.
        def _scan(
            self,
            kind: int,
            limit: int,
            start: bytes | None = None,
            stop: bytes | None = None,
            reverse: bool = False,
            /,
        ) -> CloseableIterator[Any]: ...

    def _begin_scan(
        self,
        kind: int,
        start: BytesLike | None,
        stop: BytesLike | None,
        prefix: BytesLike | None,
        reverse: bool,
        limit: int,
    ) -> CloseableIterator[Any]:
        """A scan of rows, keys or values (SCAN_*) as `_scan` gives it; limit -1: all."""
        low, high = self._bounds(start, stop, prefix, reverse)
        return self._scan(kind, limit, low, high, bool(reverse))

    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[Row]:
        """The rows of a range at the moment of this call, in byte order if the store has order.

        A store without order raises NotSupportedError for every argument but limit. The iterator
        keeps what it may still show on disk and in memory until it ends, is dropped, or the store
        is closed.
        """
        return self._begin_scan(SCAN_ROWS, start, stop, prefix, reverse, _row_limit(limit))

    def scan_keys(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[bytes]:
        """The keys of scan."""
        return self._begin_scan(SCAN_KEYS, start, stop, prefix, reverse, _row_limit(limit))

    def scan_values(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[bytes]:
        """The values of scan."""
        return self._begin_scan(SCAN_VALUES, start, stop, prefix, reverse, _row_limit(limit))


class NativeOrderedReader(NativeReader):
    """What a class with `_cursor` and `_near` has besides, each with one call of the core."""

    __slots__ = ()

    @abstractmethod
    def _cursor(self, start: bytes | None, stop: bytes | None, /) -> Cursor: ...

    def _bounds(
        self,
        start: BytesLike | None,
        stop: BytesLike | None,
        prefix: BytesLike | None,
        reverse: bool = False,
    ) -> tuple[bytes | None, bytes | None]:
        return key_range(start, stop, prefix)

    @abstractmethod
    def _near(self, move: int, key: BytesLike | None = None, /) -> Row | None: ...

    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> Cursor:
        """A cursor over a range at the moment of this call, before its first row."""
        return self._cursor(*key_range(start, stop, prefix))

    def first(self) -> Row | None:
        """The row with the lowest key, None in an empty store."""
        return self._near(lib.PYKV_FIRST)

    def last(self) -> Row | None:
        """The row with the highest key, None in an empty store."""
        return self._near(lib.PYKV_LAST)

    def floor(self, key: BytesLike) -> Row | None:
        """The row with the highest key <= key, None if there is none."""
        return self._near(lib.PYKV_SEEK_BACK, key)

    def ceiling(self, key: BytesLike) -> Row | None:
        """The row with the lowest key >= key, None if there is none."""
        return self._near(lib.PYKV_SEEK, key)


def _row_limit(limit: int | None) -> int:
    """The limit as the native scan takes it: -1 for none."""
    check_limit(limit)
    return -1 if limit is None else min(limit, sys.maxsize)
