"""Namespaces of stores in the C core: handles to them, and their names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pykv._native import Handle, check, ffi, flags_of, lib, own
from pykv.arguments import name_bytes
from pykv.engine.namespaces import no_such_namespace, nothing_to_drop
from pykv.errors import ReadOnlyError

if TYPE_CHECKING:
    from _cffi_backend import FFI


class NamespaceHandle:
    """An open namespace of the core: a pykv_store of its own. Any thread may use it.

    path: of the store.  owner: what keeps namespace and store in memory.  pointer: the pykv_store*.
    store: the handle of the store.  name: of the namespace.
    """

    __slots__ = ("name", "owner", "path", "pointer", "store")

    def __init__(self, store: Handle, name: str, create: bool) -> None:
        encoded = name_bytes(name)

        def make(owner: FFI.CData) -> int:
            return lib.pykv_namespace_open(
                store.pointer, encoded, len(encoded), int(create), 0, owner
            )

        self.owner: FFI.CData = ffi.new("pykv_store **")
        try:
            own(self.owner, lib.pykv_free, make, kept=store.owner)
        except KeyError:
            if create:
                raise ReadOnlyError(
                    f"there is no namespace {name!r}, and a read-only store makes none",
                    path=store.path,
                ) from None
            raise no_such_namespace(name) from None
        self.pointer: FFI.CData = self.owner[0]
        self.path: Path = store.path
        self.store = store
        self.name = name

    @property
    def address(self) -> int:
        """The address of the namespace, for types written in C."""
        return int(ffi.cast("uintptr_t", self.pointer))

    def is_closed(self) -> bool:
        """True once it is closed or dropped, or its store closed, and in a forked child."""
        status = lib.pykv_check_open(self.pointer)
        return status in (lib.PYKV_CLOSED, lib.PYKV_FORKED)

    def close(self, timeout: float | None = None) -> None:
        """Ends this handle, and nothing else; silent where that is done."""
        check(lib.pykv_close(self.pointer, -1))


def drop(store: Handle, name: str, sync: bool | None) -> None:
    """Removes a namespace. KeyError."""
    encoded = name_bytes(name)
    flags = flags_of(sync)
    status = lib.pykv_namespace_drop(store.pointer, encoded, len(encoded), flags)
    if status == lib.PYKV_NOT_FOUND:
        raise nothing_to_drop(name)
    check(status)


def names(store: Handle) -> Iterator[str]:
    """The names of all namespaces at one moment."""
    scan_owner = ffi.new("pykv_scan **")
    life = own(
        scan_owner,
        lib.pykv_scan_close,
        lambda owner: lib.pykv_namespaces(store.pointer, owner),
        kept=store.owner,
    )
    try:
        rows: Any = ffi.new("pykv_rows *")
        while True:
            check(lib.pykv_scan_next(scan_owner[0], 0, 0, rows))
            if rows.count == 0:
                return
            ends = ffi.unpack(rows.offsets, 2 * rows.count + 1)
            data = ffi.buffer(rows.data, ends[-1])[:]
            for start, end in zip(ends[0::2], ends[1::2], strict=False):
                yield data[start:end].decode()
    finally:
        life.end()
