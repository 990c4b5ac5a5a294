"""Snapshots of native stores: a moment that the core keeps, and reads at it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pykv._native import Handle, SnapshotBase, check, ffi, lib, own
from pykv.engine.expiry import DeadlineReader
from pykv.engine.native import expires_us_at
from pykv.engine.native_arrays import Source
from pykv.errors import ClosedError

if TYPE_CHECKING:
    from _cffi_backend import FFI


class NativeSnapshot(SnapshotBase, DeadlineReader):
    """The lifetime of a snapshot, and its reads of keys. Any thread may use it."""

    __slots__ = ("__weakref__", "_closed", "_path", "_snapshot_owner", "_store")

    def __init__(self, handle: Handle, path: Path) -> None:
        self._closed = False
        self._path = path
        self._store: FFI.CData = handle.pointer
        self._snapshot_owner: FFI.CData = ffi.new("pykv_snapshot **")
        own(
            self._snapshot_owner,
            lib.pykv_snapshot_free,
            lambda owner: lib.pykv_snapshot_new(handle.pointer, owner),
            kept=handle.owner,
        )
        address = int(ffi.cast("uintptr_t", self._snapshot_owner[0]))
        self._bind(handle.address, address, self._snapshot_owner)

    @property
    def path(self) -> Path:
        """The directory of the store, as given to open."""
        return self._path

    @property
    def closed(self) -> bool:
        """True once it or its store is closed, and in a forked child."""
        return self._closed or lib.pykv_check_open(self._store) in (
            lib.PYKV_CLOSED,
            lib.PYKV_FORKED,
        )

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write that it shows."""
        self._check_open()
        sequence_out: Any = ffi.new("uint64_t *")
        check(lib.pykv_snapshot_sequence(self._snapshot_owner[0], sequence_out))
        last: int = sequence_out[0]
        return last

    def _check_open(self) -> None:
        status = lib.pykv_check_open(self._store)
        if status == lib.PYKV_FORKED:
            check(status)
        if self.closed:
            raise ClosedError(f"{self!r} is closed", path=self._path)

    def _expires_us(self, key: bytes) -> int | None:
        self._check_open()
        return expires_us_at(self._snapshot_owner[0], key)

    def _get(self, key: bytes) -> bytes | None:
        return self.get(key)

    def _array_source(self) -> Source:
        return Source(self._store, self._snapshot_owner[0], self._snapshot_owner)

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done. Scans that were opened go on."""
        self._closed = True
        lib.pykv_snapshot_close(self._snapshot_owner[0])
