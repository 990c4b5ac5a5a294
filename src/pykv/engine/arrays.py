"""Array calls over the other calls of a store: for engines that keep Python objects themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from pykv.arguments import BytesLike
from pykv.arrays import (
    CHUNK_ROWS,
    CHUNK_ROWS_MAX,
    Items,
    ItemsLike,
    RowChunk,
    Rows,
    check_apart,
    check_room,
    items_of,
    refuse_bytes,
    refuse_rows,
    room_rows,
)
from pykv.engine.batch import Delete, Operation, Put, chunks, one_batch
from pykv.reader import CloseableIterator, Row

if TYPE_CHECKING:
    from pykv.options import CommonOptions


class ArrayReaderBase(ABC):
    """get_arrays and scan_arrays over get_many and scan."""

    __slots__ = ()

    @abstractmethod
    def get_many(self, keys: Iterable[BytesLike]) -> list[Any]:
        """The value of each key, or None."""

    @abstractmethod
    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> CloseableIterator[Row]:
        """The rows of a range at the moment of this call."""

    @abstractmethod
    def _check_open(self) -> None: ...

    def _check_scans(self) -> None:
        """As _check_open, for scans that were opened: those of a snapshot go on without it."""
        self._check_open()

    def get_arrays(self, keys: ItemsLike, out: Rows | None = None) -> Rows:
        """The values of keys as arrays; out: room for them, of which the result is a part.

        keys: see `pykv.arrays`.  Raises TypeError, ValueError, KeyTooLargeError,
        ArrayTooSmallError.
        """
        self._check_open()
        items = items_of(keys, "keys")
        room = room_beside(items, out)
        values = self.get_many(items.to_list())
        found = [value is not None for value in values]
        return pack([value or b"" for value in values], found, room, "out")

    def scan_arrays(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        chunk_rows: int = CHUNK_ROWS,
        out: RowChunk | None = None,
    ) -> CloseableIterator[RowChunk]:
        """The rows of scan in chunks of chunk_rows rows; out: room that every chunk is put in."""
        self._check_open()
        room = check_rooms(out)
        row_count = chunk_rows_of(chunk_rows, room)
        rows = self.scan(start, stop, prefix=prefix)
        return self._array_chunks(rows, row_count, room)

    def _array_chunks(
        self, rows: Iterator[Row], row_count: int, out: RowChunk | None
    ) -> CloseableIterator[RowChunk]:
        for chunk in _row_lists(rows, row_count, out):
            self._check_scans()
            keys, values = zip(*chunk, strict=True)
            found = [True] * len(chunk)
            yield RowChunk(
                pack(keys, found, None if out is None else out.keys, "out.keys"),
                pack(values, found, None if out is None else out.values, "out.values"),
            )


def _row_lists(rows: Iterator[Row], row_count: int, out: RowChunk | None) -> Iterator[list[Row]]:
    """The rows in lists of row_count, or of as many as fit into out. ArrayTooSmallError."""
    if out is not None:
        yield from _fitting_lists(rows, row_count, out)
        return
    while chunk := list(islice(rows, row_count)):
        yield chunk


def _fitting_lists(rows: Iterator[Row], row_count: int, out: RowChunk) -> Iterator[list[Row]]:
    key_room, value_room = len(out.keys.data), len(out.values.data)
    chunk: list[Row] = []
    key_bytes = value_bytes = 0
    for key, value in rows:
        key_bytes, value_bytes = key_bytes + len(key), value_bytes + len(value)
        if chunk and (key_bytes > key_room or value_bytes > value_room):
            yield chunk
            chunk, key_bytes, value_bytes = [], len(key), len(value)
        if key_bytes > key_room:
            raise refuse_bytes("out.keys", key_room, key_bytes)
        if value_bytes > value_room:
            raise refuse_bytes("out.values", value_room, value_bytes)
        chunk.append((key, value))
        if len(chunk) == row_count:
            yield chunk
            chunk, key_bytes, value_bytes = [], 0, 0
    if chunk:
        yield chunk


class ArrayStoreBase(ArrayReaderBase):
    """put_arrays and delete_arrays over writes of whole batches."""

    __slots__ = ()

    _options: CommonOptions

    if TYPE_CHECKING:
        # Of the class that this is mixed into.
        def _deadline_of(self, ttl: float | timedelta | None) -> int: ...

        def _write(self, operations: Sequence[Operation], sync: bool | None) -> None: ...

    def put_arrays(
        self,
        keys: ItemsLike,
        values: ItemsLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None:
        """Puts keys and values of the same number, in the chunks of put_many.

        All of them are checked before the first is written; a failure says in a note how many were.
        """
        self._check_open()
        names, data = paired(keys, values)
        deadline_us = self._deadline_of(ttl)
        rows = zip(names.to_list(), data.to_list(), strict=True)
        puts = (Put(key, value, deadline_us) for key, value in rows)
        bytes_max = self._options.batch_bytes_max
        batches = [one_batch(puts, bytes_max)] if atomic else chunks(puts, bytes_max)
        self._write_batches(batches, names.count, sync)

    def delete_arrays(self, keys: ItemsLike, *, sync: bool | None = None) -> None:
        """Removes keys, in the chunks of put_arrays; missing ones are silent."""
        self._check_open()
        names = items_of(keys, "keys")
        batches = chunks(map(Delete, names.to_list()), self._options.batch_bytes_max)
        self._write_batches(batches, names.count, sync)

    def _write_batches(
        self, batches: Iterable[list[Operation]], row_count: int, sync: bool | None
    ) -> None:
        done = 0
        try:
            for batch in batches:
                self._write(batch, sync)
                done += len(batch)
        except Exception as error:
            note_written(error, done, row_count)
            raise


def note_written(error: Exception, done: int, row_count: int) -> None:
    """Notes how many rows were written before a failure, if any were."""
    if done:
        error.add_note(f"The first {done:,} of {row_count:,} rows were written.")


def paired(keys: ItemsLike, values: ItemsLike) -> tuple[Items, Items]:
    """Keys and values of the same number; ValueError."""
    names, data = items_of(keys, "keys"), items_of(values, "values")
    if names.count != data.count:
        raise ValueError(f"there are {names.count:,} keys and {data.count:,} values")
    return names, data


def room_beside(keys: Items, out: object) -> Rows | None:
    """The room for the values of keys, None without one. TypeError, ValueError."""
    if out is None:
        return None
    room = check_room(out, "out")
    check_apart(room, "out", keys.data, keys.offsets)
    return room


def check_rooms(out: object) -> RowChunk | None:
    """The room for a scan, in a RowChunk of its own, None without one. TypeError, ValueError."""
    if out is None:
        return None
    if not isinstance(out, RowChunk):
        raise TypeError(
            f"out must be a RowChunk, as RowChunk.empty makes, not {type(out).__name__}"
        )
    keys, values = check_room(out.keys, "out.keys"), check_room(out.values, "out.values")
    check_apart(keys, "out.keys", values.data, values.offsets, values.found)
    if min(room_rows(keys), room_rows(values)) == 0:
        raise refuse_rows("out", 0, 1)
    return RowChunk(keys, values)


def chunk_rows_of(chunk_rows: int, room: RowChunk | None) -> int:
    """The rows of a chunk, as asked for and as a room has it. TypeError, ValueError."""
    if not isinstance(chunk_rows, int) or isinstance(chunk_rows, bool):
        raise TypeError(f"chunk_rows must be an int, not {type(chunk_rows).__name__}")
    if not 1 <= chunk_rows <= CHUNK_ROWS_MAX:
        raise ValueError(f"chunk_rows must be 1 to {CHUNK_ROWS_MAX:,}, got {chunk_rows}")
    if room is None:
        return chunk_rows
    return min(chunk_rows, room_rows(room.keys), room_rows(room.values))


def pack(items: Sequence[bytes], found: list[bool], room: Rows | None, what: str) -> Rows:
    """Items one after the other, in room if it is given. ArrayTooSmallError."""
    import numpy as np

    count, size = len(items), sum(map(len, items))
    if room is None:
        room = Rows.empty(count, size)
    if room_rows(room) < count:
        raise refuse_rows(what, room_rows(room), count)
    if len(room.data) < size:
        raise refuse_bytes(what, len(room.data), size)
    rows = Rows(room.data[:size], room.offsets[: count + 1], room.found[:count])
    rows.data[:] = np.frombuffer(b"".join(items), np.uint8)
    rows.offsets[0] = 0
    np.cumsum([len(each) for each in items], out=rows.offsets[1:])
    rows.found[:] = found
    return rows
