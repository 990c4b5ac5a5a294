"""Snapshots of Bitcasks: reads by key, and of all rows, at a moment that is kept."""

from __future__ import annotations

from typing import Any

from pykv._native import check, ffi, lib
from pykv.arguments import BytesLike
from pykv.engine.native_reader import NativeReader
from pykv.engine.native_snapshot import NativeSnapshot
from pykv.engine.order import UnorderedReaderBase


class BitcaskSnapshot(NativeSnapshot, NativeReader, UnorderedReaderBase):
    """A Bitcask at one moment. Any thread may use it; after a fork the parent only.

    It keeps the files of its moment, also those that merges have replaced since, and 48 bytes of
    memory for each key that was changed since, until it is closed, dropped, or the store is closed.
    """

    __slots__ = ()

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys, O(1); what had expired counts until it was merged away.

        NotSupportedError for any argument.
        """
        self._refuse_range(start, stop, prefix)
        count_out: Any = ffi.new("uint64_t *")
        check(lib.pykv_count_at(self._snapshot_owner[0], ffi.NULL, count_out))
        count: int = count_out[0]
        return count
