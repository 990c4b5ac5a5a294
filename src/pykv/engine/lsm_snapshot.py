"""Snapshots of LSM stores: reads in byte order at a moment that is kept."""

from __future__ import annotations

from pykv._native import count_rows
from pykv.arguments import BytesLike, key_range
from pykv.engine.native_reader import NativeOrderedReader
from pykv.engine.native_snapshot import NativeSnapshot
from pykv.engine.order import OrderedReaderBase


class LsmSnapshot(NativeSnapshot, NativeOrderedReader, OrderedReaderBase):
    """An LSM store at one moment. Any thread may use it; after a fork the parent only.

    It keeps the tables and memtables of its moment, also those that flushes and compactions have
    replaced since, until it is closed, dropped, or the store is closed.
    """

    __slots__ = ()

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range; it walks over them."""
        owner = self._snapshot_owner
        return count_rows(owner[0], owner, *key_range(start, stop, prefix))
