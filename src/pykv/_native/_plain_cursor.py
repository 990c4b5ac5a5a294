"""Cursors over cffi: the plain twin of the type in `pykv._native._fast`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from pykv._native._core import ffi, lib
from pykv._native.ownership import own
from pykv._native.status import NOT_FOUND, OK, check, error_of
from pykv.arguments import BytesLike, as_bytes
from pykv.errors import ClosedError

if TYPE_CHECKING:
    from _cffi_backend import FFI


class Cursor:
    """Goes over the rows of a range at one moment, in both directions."""

    __slots__ = ("_cursor_owner", "_life", "_owner", "_pointer", "_row")

    def __init__(
        self, pointer: FFI.CData, owner: FFI.CData, make: Callable[[FFI.CData], int]
    ) -> None:
        self._cursor_owner: Any = ffi.new("pykv_cursor **")
        self._life = own(self._cursor_owner, lib.pykv_cursor_free, make, kept=owner)
        self._owner = owner
        self._pointer = pointer
        self._row: Any = None

    def _check(self) -> None:
        if self._life.target == ffi.NULL:
            raise ClosedError("the cursor is closed")
        check(lib.pykv_check_open(self._pointer))

    def _move(self, move: int, key: bytes = b"") -> bool:
        self._check()
        row: Any = ffi.new("pykv_row *")
        self._row = None
        status = lib.pykv_cursor_move(self._cursor_owner[0], move, key, len(key), 0, row)
        if status not in (OK, NOT_FOUND):
            raise error_of(status)
        self._row = row if status == OK else None
        return status == OK

    def seek(self, key: BytesLike, /) -> bool:
        """To the first row from key on; tells whether there is one."""
        return self._move(lib.PYKV_SEEK, as_bytes(key, "key"))

    def seek_back(self, key: BytesLike, /) -> bool:
        """To the last row up to key; tells whether there is one."""
        return self._move(lib.PYKV_SEEK_BACK, as_bytes(key, "key"))

    def first(self) -> bool:
        """To the first row; tells whether there is one."""
        return self._move(lib.PYKV_FIRST)

    def last(self) -> bool:
        """To the last row; tells whether there is one."""
        return self._move(lib.PYKV_LAST)

    def next(self) -> bool:
        """To the next row; tells whether there is one."""
        return self._move(lib.PYKV_NEXT)

    def prev(self) -> bool:
        """To the row before; tells whether there is one."""
        return self._move(lib.PYKV_PREVIOUS)

    def _stood_on(self) -> Any:
        self._check()
        if self._row is None:
            raise IndexError("the cursor stands on no row")
        return self._row

    @property
    def key(self) -> bytes:
        """The key of the row it stands on; IndexError off the rows."""
        row = self._stood_on()
        return bytes(ffi.buffer(row.key, row.key_length))

    @property
    def value(self) -> bytes:
        """The value of that row; IndexError off the rows."""
        row = self._stood_on()
        return bytes(ffi.buffer(row.value, row.value_length))

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done."""
        self._row = None
        self._life.end()

    def __enter__(self) -> Self:
        self._check()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
