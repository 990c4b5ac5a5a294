"""The bases of native stores and snapshots over cffi: the plain twins of the types in
`pykv._native._fast`.

These have the same attributes. put_many and delete_many of the fast type stand before
those of `pykv.engine.mapping`, which are their twins. Results are copied out before they are
returned. Safe from any thread; a scan is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from pykv._native._core import ffi, lib
from pykv._native._plain_changes import Changes
from pykv._native._plain_cursor import Cursor
from pykv._native._plain_view import view_of
from pykv._native.ownership import own
from pykv._native.status import NOT_FOUND, OK, check, error_of
from pykv.arguments import BytesLike, as_bytes, ttl_us_of

if TYPE_CHECKING:
    from _cffi_backend import FFI

T = TypeVar("T")

SCAN_ROWS: Final = 0
SCAN_KEYS: Final = 1
SCAN_VALUES: Final = 2


def flags_of(sync: bool | None) -> int:
    """The flags of a write: None leaves it to the durability of the store."""
    if sync is None:
        return 0
    return lib.PYKV_SYNC if sync else lib.PYKV_NO_SYNC


def now_us(pointer: FFI.CData) -> int:
    """The clock that deadlines of a store are compared with, in microseconds since 1970."""
    now_out: Any = ffi.new("uint64_t *")
    check(lib.pykv_now(pointer, now_out))
    now: int = now_out[0]
    return now


class _Reads:
    """Reads over four calls of the core, which see this moment or that of a snapshot."""

    __slots__ = ("_owner", "_pointer")

    _owner: FFI.CData
    _pointer: FFI.CData

    def _pin(self, key: bytes, pinned: FFI.CData) -> int:
        return lib.pykv_get(self._pointer, key, len(key), 0, pinned)

    def _has(self, key: bytes) -> int:
        return lib.pykv_contains(self._pointer, key, len(key), 0)

    def _view(self, key: bytes, view_out: FFI.CData) -> int:
        return lib.pykv_view_open(self._pointer, ffi.NULL, key, len(key), 0, view_out)

    def _look_up(self, many: FFI.CData, count: int, keys: FFI.CData, lengths: FFI.CData) -> int:
        return lib.pykv_get_many(many, count, keys, lengths, 0)

    def _begin(self, wanted: FFI.CData, scan_out: FFI.CData) -> int:
        return lib.pykv_scan_open(self._pointer, wanted, scan_out)

    def _begin_cursor(self, wanted: FFI.CData, cursor_out: FFI.CData) -> int:
        return lib.pykv_cursor_new(self._pointer, wanted, cursor_out)

    def _find(self, move: int, key: bytes, row: FFI.CData) -> int:
        return lib.pykv_find_row(self._pointer, move, key, len(key), row)

    # ---- reading ----

    @overload
    def get(self, key: BytesLike) -> bytes | None: ...
    @overload
    def get(self, key: BytesLike, default: T) -> bytes | T: ...
    def get(self, key: BytesLike, default: object = None) -> object:
        """The value of key, or default."""
        exact = as_bytes(key, "key")
        # An interrupt may come between any two calls; what is pinned by then must be unpinned.
        pinned: Any = ffi.new("pykv_pinned *")
        try:
            status = self._pin(exact, pinned)
            if status == OK:
                return ffi.buffer(pinned.data, pinned.length)[:]
        finally:
            if pinned.data != ffi.NULL:
                lib.pykv_unpin(self._pointer, pinned)
        if status == NOT_FOUND:
            return default
        raise error_of(status)

    def get_view(self, key: BytesLike) -> memoryview | None:
        """A read-only memoryview of the value of key where it stands, or None."""
        exact = as_bytes(key, "key")
        return view_of(lambda view_out: self._view(exact, view_out))

    def __getitem__(self, key: BytesLike, /) -> bytes:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: BytesLike, /) -> bool:
        exact = as_bytes(key, "key")
        status = self._has(exact)
        if status not in (OK, NOT_FOUND):
            raise error_of(status)
        return status == OK

    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: T) -> list[bytes | T]: ...
    def get_many(self, keys: Iterable[BytesLike], default: object = None) -> list[Any]:
        """The value of each key, or default, in the order of keys."""
        exact = [as_bytes(key, "key") for key in keys]
        pointers = [ffi.from_buffer(key) for key in exact]
        many_out = ffi.new("pykv_many **")
        try:
            check(lib.pykv_many_new(self._pointer, many_out))
            many = many_out[0]
            lengths = ffi.new("size_t[]", [len(key) for key in exact])
            check(self._look_up(many, len(exact), ffi.new("void *[]", pointers), lengths))
            if not exact:
                return []
            values = ffi.unpack(lib.pykv_many_values(many), len(exact))
            sizes = ffi.unpack(lib.pykv_many_lengths(many), len(exact))
            return [
                default if value == ffi.NULL else ffi.buffer(value, size)[:]
                for value, size in zip(values, sizes, strict=True)
            ]
        finally:
            lib.pykv_many_free(many_out[0])

    # ---- scanning ----

    def _scan(
        self,
        kind: int,
        limit: int,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
        /,
    ) -> Scan:
        """At most limit (-1: all) rows, keys or values (SCAN_*) of this moment from start to stop.

        Bounds and reverse are given all or none; NotSupportedError in a store without order. The
        scan is ended by its last row, by close of the store, and when it is dropped.
        """
        wanted = range_of(kind, limit, start, stop, reverse)
        return Scan(self._pointer, self._owner, kind, limit, lambda out: self._begin(wanted, out))

    def _cursor(self, start: bytes | None, stop: bytes | None, /) -> Cursor:
        """A cursor from start (None: the first row) to stop (None: the last)."""
        wanted = range_of(SCAN_ROWS, -1, start, stop, False)
        return Cursor(self._pointer, self._owner, lambda out: self._begin_cursor(wanted, out))

    def _near(self, move: int, key: BytesLike | None = None, /) -> tuple[bytes, bytes] | None:
        """The row that PYKV_FIRST, _LAST, _SEEK or _SEEK_BACK names, or None."""
        row: Any = ffi.new("pykv_row *")
        try:
            status = self._find(move, b"" if key is None else as_bytes(key, "key"), row)
            if status == NOT_FOUND:
                return None
            check(status)
            found = ffi.buffer(row.key, row.key_length)[:]
            return found, ffi.buffer(row.value, row.value_length)[:]
        finally:
            lib.pykv_row_free(row)


class StoreBase(_Reads):
    """The calls that a store makes most, each straight to the core."""

    __slots__ = ()

    def _bind(self, address: int, owner: FFI.CData, batch_bytes_max: int) -> None:
        """Takes an open store, once, before any other call; see `pykv._native.handle`.

        address: of the pykv_store.  owner: what owns it.  batch_bytes_max: the option, which is
        for the fast type.
        """
        self._owner = owner
        self._pointer = ffi.cast("pykv_store *", address)

    # ---- writing ----

    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> None:
        """Sets key to value, for ttl seconds or for ever."""
        name, data = as_bytes(key, "key"), as_bytes(value, "value")
        a, b = len(name), len(data)
        ttl_us = 0 if ttl is None else ttl_us_of(ttl)
        check(lib.pykv_put_for(self._pointer, name, a, data, b, ttl_us, flags_of(sync)))

    def __setitem__(self, key: BytesLike, value: BytesLike, /) -> None:
        self.put(key, value)

    def delete(self, key: BytesLike, *, sync: bool | None = None) -> None:
        """Removes key; a missing one is silent."""
        name = as_bytes(key, "key")
        check(lib.pykv_delete(self._pointer, name, len(name), flags_of(sync), ffi.NULL))

    def __delitem__(self, key: BytesLike, /) -> None:
        if not self._discard(as_bytes(key, "key"), None):
            raise KeyError(key)

    def _discard(self, key: bytes, sync: bool | None) -> bool:
        """Removes key and tells whether it was there, in one step."""
        existed: Any = ffi.new("int32_t *")
        check(lib.pykv_delete(self._pointer, key, len(key), flags_of(sync), existed))
        return bool(existed[0])

    # ---- changes ----

    def _changes(
        self,
        since: int,
        epoch: int | None,
        flags: int,
        timeout_us: int,
        change_type: type[tuple[Any, ...]],
        /,
    ) -> Changes:
        """Changes behind since (PYKV_CHANGES_*), which is of epoch, None: of any.

        timeout_us: to wait for the next, -1: for ever.  change_type: a named tuple of their fields.
        """
        return Changes(self._pointer, self._owner, (since, epoch), flags, timeout_us, change_type)


class SnapshotBase(_Reads):
    """The reads of a snapshot, each straight to the core."""

    __slots__ = ("_snapshot",)

    def _bind(self, address: int, snapshot_address: int, owner: FFI.CData) -> None:
        """Takes an open snapshot and its store, once, before any other call.

        address: of the pykv_store.  snapshot_address: of the pykv_snapshot.  owner: of both.
        """
        self._owner = owner
        self._pointer = ffi.cast("pykv_store *", address)
        self._snapshot = ffi.cast("pykv_snapshot *", snapshot_address)

    def _pin(self, key: bytes, pinned: FFI.CData) -> int:
        return lib.pykv_get_at(self._snapshot, key, len(key), 0, pinned)

    def _has(self, key: bytes) -> int:
        return lib.pykv_contains_at(self._snapshot, key, len(key), 0)

    def _view(self, key: bytes, view_out: FFI.CData) -> int:
        return lib.pykv_view_open(self._pointer, self._snapshot, key, len(key), 0, view_out)

    def _look_up(self, many: FFI.CData, count: int, keys: FFI.CData, lengths: FFI.CData) -> int:
        return lib.pykv_get_many_at(many, self._snapshot, count, keys, lengths, 0)

    def _begin(self, wanted: FFI.CData, scan_out: FFI.CData) -> int:
        return lib.pykv_scan_open_at(self._snapshot, wanted, scan_out)

    def _begin_cursor(self, wanted: FFI.CData, cursor_out: FFI.CData) -> int:
        return lib.pykv_cursor_new_at(self._snapshot, wanted, cursor_out)

    def _find(self, move: int, key: bytes, row: FFI.CData) -> int:
        return lib.pykv_find_row_at(self._snapshot, move, key, len(key), row)


def range_of(kind: int, limit: int, start: bytes | None, stop: bytes | None, reverse: bool) -> Any:
    """A pykv_range, valid as long as start and stop are."""
    wanted: Any = ffi.new("pykv_range *")
    wanted.keys_only = kind == SCAN_KEYS
    wanted.limit = max(limit, 0)
    wanted.reverse = reverse
    if start is not None:
        wanted.start, wanted.start_length = ffi.from_buffer(start), len(start)
        wanted.has_start = True
    if stop is not None:
        wanted.stop, wanted.stop_length = ffi.from_buffer(stop), len(stop)
        wanted.has_stop = True
    return wanted


def count_rows(opened: FFI.CData, owner: FFI.CData, start: bytes | None, stop: bytes | None) -> int:
    """Number of keys from start to stop at its moment; it walks over them.

    opened: a pykv_store* with order, or a pykv_snapshot*.  owner: what owns it.
    """
    wanted = range_of(SCAN_KEYS, -1, start, stop, False)
    scan_owner = ffi.new("pykv_scan **")
    is_snapshot = ffi.typeof(opened) is ffi.typeof("pykv_snapshot *")
    opens = lib.pykv_scan_open_at if is_snapshot else lib.pykv_scan_open

    def make(scan_owner: FFI.CData) -> int:
        return opens(opened, wanted, scan_owner)

    life = own(scan_owner, lib.pykv_scan_close, make, kept=owner)
    try:
        rows: Any = ffi.new("pykv_rows *")
        count = 0
        # Signals get through between chunks.
        while True:
            check(lib.pykv_scan_next(scan_owner[0], 0, 0, rows))
            if rows.count == 0:
                return count
            count += rows.count
    finally:
        life.end()


class Scan:
    """An iterator over a pykv_scan, which it closes at the end and when it is dropped."""

    __slots__ = ("_busy", "_kind", "_left", "_life", "_owner", "_pointer", "_rows", "_scan_owner")

    def __init__(
        self,
        pointer: FFI.CData,
        owner: FFI.CData,
        kind: int,
        limit: int,
        make: Callable[[FFI.CData], int],
    ) -> None:
        self._scan_owner = ffi.new("pykv_scan **")
        self._life = own(self._scan_owner, lib.pykv_scan_close, make, kept=owner)
        self._owner = owner
        self._pointer = pointer
        self._kind = kind
        self._left = limit
        self._rows: Iterator[Any] = iter(())
        self._busy = False  # the core's rows are in use

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        # Rows that were read already are not shown once the store is closed.
        check(lib.pykv_check_open(self._pointer))
        row = next(self._rows, None) if self._left else None
        if row is None and self._left:
            self._check_idle()
            self._busy = True
            try:
                self._rows = iter(self._read())
            finally:
                self._busy = False
            row = next(self._rows, None)
        if row is None:
            self.close()
            raise StopIteration
        self._left -= 1
        if self._left == 0:
            self.close()
        return row

    def close(self) -> None:
        """Ends it, and gives up what it keeps; silent where that is done."""
        self._check_idle()
        self._left = 0
        self._life.end()

    def _check_idle(self) -> None:
        if self._busy:
            raise RuntimeError(
                "another thread is in the middle of this scan: give each thread its own"
            )

    def _read(self) -> list[Any]:
        """The next rows, copied; none at the end."""
        rows: Any = ffi.new("pykv_rows *")
        check(lib.pykv_scan_next(self._scan_owner[0], 0, 0, rows))
        if rows.count == 0:
            return []
        ends = ffi.unpack(rows.offsets, 2 * rows.count + 1)
        data = ffi.buffer(rows.data, ends[-1])[:]
        keys = [data[start:end] for start, end in zip(ends[0::2], ends[1::2], strict=False)]
        if self._kind == SCAN_KEYS:
            return keys
        values = [data[start:end] for start, end in zip(ends[1::2], ends[2::2], strict=True)]
        return values if self._kind == SCAN_VALUES else list(zip(keys, values, strict=True))
