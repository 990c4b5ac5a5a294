"""get_view over cffi: the plain twin of `_native/cpython/value_view.c`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pykv._native._core import ffi, lib
from pykv._native.ownership import own, tie
from pykv._native.status import NOT_FOUND, OK

if TYPE_CHECKING:
    from _cffi_backend import FFI


def view_of(find: Callable[[FFI.CData], int]) -> memoryview | None:
    """A read-only memoryview of the pykv_view that find makes, None where it finds none.

    find: takes a pykv_view** and returns a status.  The memoryview and every slice of it keep the
    view; with the last of them it is freed, which needs no store.
    """
    owner: Any = ffi.new("pykv_view **")

    def make(view_out: FFI.CData) -> int:
        status = find(view_out)
        return OK if status == NOT_FOUND else status

    own(owner, lib.pykv_view_free, make)
    view = owner[0]
    if view == ffi.NULL:
        return None
    # A buffer keeps the pointer it was made of, which the collector does not know.
    data = view.data
    tie(data, owner)
    return memoryview(ffi.buffer(data, view.length)).toreadonly()
