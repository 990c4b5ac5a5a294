"""Array calls of the stores that live in the C core, each with a call of the core.

The core copies what it is given before it uses it, and lets other threads run meanwhile.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pykv._native import SCAN_ROWS, error_of, ffi, flags_of, lib, own, range_of
from pykv.arguments import BytesLike
from pykv.arrays import (
    CHUNK_ROWS,
    Items,
    ItemsLike,
    RowChunk,
    Rows,
    items_of,
    refuse_bytes,
    refuse_rows,
    room_rows,
)
from pykv.engine.arrays import check_rooms, chunk_rows_of, note_written, paired, room_beside
from pykv.reader import CloseableIterator

if TYPE_CHECKING:
    from _cffi_backend import FFI

    from pykv._native.ownership import Life

_RUN_ROWS: Final = 1_000
_GUESS_BYTES: Final = 128
_SPARE_BYTES: Final = 64 << 10
_BEGIN_BYTES_MAX: Final = 64 << 20  # of a chunk, where the one before had less
_GROWTH_BYTES_MAX: Final = 512 << 20  # at once, where there was less than half of it


class Source(NamedTuple):
    """What is read: a pykv_store*, a pykv_snapshot* of it or NULL, and what owns both."""

    store: FFI.CData
    snapshot: FFI.CData
    owner: FFI.CData


class NativeArrayReader:
    """get_arrays and scan_arrays of a store or a snapshot."""

    __slots__ = ()

    if TYPE_CHECKING:
        # Of the class that this is mixed into.
        def _check_open(self) -> None: ...

        def _array_source(self) -> Source: ...

        def _refuse_range(
            self,
            start: BytesLike | None = None,
            stop: BytesLike | None = None,
            prefix: BytesLike | None = None,
            reverse: bool = False,
        ) -> None: ...

    def _bounds(
        self,
        start: BytesLike | None,
        stop: BytesLike | None,
        prefix: BytesLike | None,
        reverse: bool = False,
    ) -> tuple[bytes | None, bytes | None]:
        """The bounds of a scan, here without order: NotSupportedError where there are any."""
        self._refuse_range(start, stop, prefix, reverse)
        return None, None

    def get_arrays(self, keys: ItemsLike, out: Rows | None = None) -> Rows:
        """The values of keys as arrays; out: room for them, of which the result is a part.

        Runs of 1,000 keys see one moment each, those of a snapshot all its moment. keys: see
        `pykv.arrays`.  Raises TypeError, ValueError, KeyTooLargeError, ArrayTooSmallError.
        """
        self._check_open()
        source = self._array_source()
        items = items_of(keys, "keys")
        count = items.count
        given_room = room_beside(items, out)
        if given_room is not None and room_rows(given_room) < count:
            raise refuse_rows("out", room_rows(given_room), count)
        guess = count * _GUESS_BYTES + _SPARE_BYTES
        room = _Room(Rows.empty(count, guess) if given_room is None else given_room)
        given = _items(items)
        found = _writable("uint8_t[]", room.rows.found)
        done: Any = ffi.new("uint64_t *")
        flags = 0 if given_room is None else lib.PYKV_MEASURE
        while True:
            status = lib.pykv_get_arrays(
                source.store, source.snapshot, count, given.raw, flags, room.raw, found, done
            )
            _check(status)
            if done[0] == count:
                return room.cut(count, given_room is None)
            if given_room is not None:
                raise refuse_bytes("out", len(given_room.data), room.raw.needed_bytes)
            room.grow(done[0], count)

    def scan_arrays(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        chunk_rows: int = CHUNK_ROWS,
        out: RowChunk | None = None,
    ) -> CloseableIterator[RowChunk]:
        """The rows of a range at the moment of this call, in chunks of up to chunk_rows rows.

        out: room that every chunk is put in, in place of the one before; a chunk ends where it is
        full.  A store without order raises NotSupportedError for start, stop and prefix.
        ArrayTooSmallError where out has no room for one row.
        """
        self._check_open()
        room = check_rooms(out)
        rows_max = chunk_rows_of(chunk_rows, room)
        low, high = self._bounds(start, stop, prefix)
        source = self._array_source()
        wanted = range_of(SCAN_ROWS, -1, low, high, False)
        scan = ffi.new("pykv_array_scan **")
        call = lib.pykv_array_scan_open
        life = own(
            scan,
            lib.pykv_array_scan_close,
            lambda scan_out: call(source.store, source.snapshot, wanted, scan_out),
            kept=source.owner,
        )
        return _chunks(scan, life, rows_max, room)


class NativeArrayStore(NativeArrayReader):
    """put_arrays and delete_arrays too."""

    __slots__ = ()

    if TYPE_CHECKING:

        def _deadline_of(self, ttl: float | timedelta | None) -> int: ...

    def put_arrays(
        self,
        keys: ItemsLike,
        values: ItemsLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None:
        """Puts keys and values of the same number, in chunks as put_many.

        All of them are checked before the first is written; a failure says in a note how many were.
        """
        self._check_open()
        names, data = paired(keys, values)
        flags = flags_of(sync) | (lib.PYKV_ATOMIC if atomic else 0)
        self._write_arrays(names, data, self._deadline_of(ttl), flags)

    def delete_arrays(self, keys: ItemsLike, *, sync: bool | None = None) -> None:
        """Removes keys, in the chunks of put_arrays; missing ones are silent."""
        self._check_open()
        self._write_arrays(items_of(keys, "keys"), None, 0, flags_of(sync))

    def _write_arrays(self, names: Items, data: Items | None, deadline_us: int, flags: int) -> None:
        store = self._array_source().store
        keys, values = _items(names), None if data is None else _items(data)
        done: Any = ffi.new("uint64_t *")
        raw = ffi.NULL if values is None else values.raw
        status = lib.pykv_put_arrays(store, names.count, keys.raw, raw, deadline_us, flags, done)
        try:
            _check(status)
        except Exception as error:
            note_written(error, done[0], names.count)
            raise


class _Given(NamedTuple):
    """A pykv_items, valid as long as what it points to is held."""

    raw: Any
    held: tuple[Any, ...]


def _items(items: Items) -> _Given:
    data = _readable("uint8_t[]", items.data)
    offsets = ffi.NULL
    if items.offsets is not None:
        offsets = _readable("int64_t[]", items.offsets)
    fields = (data, items.data.nbytes, offsets, items.width, items.trims)
    return _Given(ffi.new("pykv_items *", fields), (data, offsets))


def _readable(kind: str, array: Any) -> FFI.CData:
    return ffi.from_buffer(kind, array)


def _writable(kind: str, array: Any) -> FFI.CData:
    return ffi.from_buffer(kind, array, require_writable=True)


def _bytes_of(needed: int, wanted: int) -> Any:
    """An array of the wanted size, or half of it, and so on down to what is needed."""
    import numpy as np

    while wanted > needed:
        try:
            return np.empty(wanted, np.uint8)
        except MemoryError:
            wanted //= 2
    return np.empty(needed, np.uint8)


class _Room:
    """Arrays that the core writes to, with the pykv_items_room that leads there."""

    __slots__ = ("_held", "raw", "row_count", "rows")

    def __init__(self, rows: Rows) -> None:
        self.row_count = 0
        self.raw: Any = ffi.new("pykv_items_room *")
        self.rows = rows
        self._point()

    def _point(self) -> None:
        data = _writable("uint8_t[]", self.rows.data)
        offsets = _writable("int64_t[]", self.rows.offsets)
        self._held = (data, offsets)
        self.raw.data, self.raw.offsets = data, offsets
        self.raw.data_bytes = len(self.rows.data)

    def size_for(self, rows: int, bytes_max: int) -> int:
        """Bytes for so many rows, if all are as those that are there and needed; at most bytes_max,
        as that is a guess, which is allocated."""
        guess: int = self.raw.used_bytes * rows // max(self.row_count, 1)
        if self.row_count == 0:
            guess = self.raw.needed_bytes * rows // min(rows, _RUN_ROWS)
        return min(guess + guess // 8 + _SPARE_BYTES, bytes_max)

    def grow(self, rows_known: int, rows: int) -> None:
        """Makes room for what is needed, and about for so many rows, if there is memory for that.

        A large value says nothing about the others, nor a chunk about how many rows there are.
        """
        self.row_count = rows_known
        guess = self.size_for(rows, max(2 * len(self.rows.data), _GROWTH_BYTES_MAX))
        used = self.raw.used_bytes
        data = _bytes_of(self.raw.needed_bytes + _SPARE_BYTES, guess)
        data[:used] = self.rows.data[:used]
        self.rows = Rows(data, self.rows.offsets, self.rows.found)
        self._point()

    def cut(self, row_count: int, shrinks: bool) -> Rows:
        """The rows that were written; shrinks: without holding much that is not used."""
        rows, used = self.rows, self.raw.used_bytes
        data, offsets = rows.data[:used], rows.offsets[: row_count + 1]
        found = rows.found[:row_count]
        if shrinks and 2 * used < len(rows.data) and len(rows.data) > _SPARE_BYTES:
            return Rows(data.copy(), offsets.copy(), found.copy())
        return Rows(data, offsets, found)


def _chunks(
    scan: FFI.CData, life: Life, rows_max: int, out: RowChunk | None
) -> CloseableIterator[RowChunk]:
    """The chunks of a scan, which is closed at the end, and when this is dropped."""
    key_bytes, value_bytes = rows_max * _GUESS_BYTES // 4, rows_max * _GUESS_BYTES
    try:
        while True:
            chunk = out
            if chunk is None:
                chunk = RowChunk.empty(rows_max, key_bytes, value_bytes)
            keys, values = _Room(chunk.keys), _Room(chunk.values)
            row_count = _fill(scan, rows_max, keys, values, out is not None)
            if row_count == 0:
                return
            key_bytes = keys.size_for(rows_max, max(len(keys.rows.data), _BEGIN_BYTES_MAX))
            value_bytes = values.size_for(rows_max, max(len(values.rows.data), _BEGIN_BYTES_MAX))
            yield RowChunk(keys.cut(row_count, out is None), values.cut(row_count, out is None))
    finally:
        life.end()


def _fill(scan: FFI.CData, rows_max: int, keys: _Room, values: _Room, is_given: bool) -> int:
    """Puts the next rows into both rooms and tells how many; 0 at the end."""
    done: Any = ffi.new("uint64_t *")
    while True:
        _check(lib.pykv_array_scan_next(scan[0], rows_max, 0, keys.raw, values.raw, done))
        lacking = [room for room in (keys, values) if room.raw.needed_bytes]
        if not lacking or (is_given and done[0]):
            break
        for room in lacking:
            if is_given:
                name = "out.keys" if room is keys else "out.values"
                raise refuse_bytes(name, len(room.rows.data), room.raw.needed_bytes)
            room.grow(done[0], rows_max)
    row_count: int = done[0]
    for room in (keys, values):
        room.row_count = row_count
        room.rows.found[:row_count] = True
    return row_count


def _check(status: int) -> None:
    """As check, but what is wrong with arrays is no wrong option."""
    if status != lib.PYKV_OK:
        error = error_of(status)
        if status == lib.PYKV_INVALID_ARGUMENT:
            raise ValueError(str(error))
        raise error
