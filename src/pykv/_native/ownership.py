"""Owners: small objects whose deallocation frees what the core made.

The collector runs the finalizers of a cycle in any order before it takes the cycle apart, and cffi
counts the destructors of `ffi.gc` among them: a store would be freed while the objects in its cycle
may still use it. An owner is a cdata that the collector does not know. It is deallocated when its
last holder is, which is after every finalizer; a weak reference that lives elsewhere sees that.

An interrupt that strikes here is lost, as in any finalizer, and what it left is freed by sweep().
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from pykv._native._core import ffi
from pykv._native.status import check

if TYPE_CHECKING:
    from _cffi_backend import FFI

    Reference: TypeAlias = weakref.ref[FFI.CData]
else:
    Reference = weakref.ref

_lives: set[Life] = set()


class Life(Reference):
    """Sees the end of an owner, and frees what it owns then; end() does so earlier.

    target: what is owned, NULL once it is freed.  free: takes target; it must ignore NULL.  kept:
    an owner that must not end before, or None.
    """

    __slots__ = ("free", "kept", "target")

    target: FFI.CData
    free: Callable[[FFI.CData], object]
    kept: FFI.CData | None

    # A reference is equal to another of an equal pointer; each life counts for itself.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def end(self, null: FFI.CData = ffi.NULL) -> None:
        """Frees the target, unless that is done. null is not looked up, for the time of exit."""
        # Nothing comes between the first line and the call of free.
        target, self.target = self.target, null
        self.free(target)
        self.kept = None
        _lives.discard(self)


def own(
    owner: FFI.CData,
    free: Callable[[FFI.CData], object],
    make: Callable[[FFI.CData], int],
    kept: FFI.CData | None = None,
) -> Life:
    """Lets owner, an `ffi.new("X **")`, own the X* that make puts into it.

    free: the function of the core that frees an X.  make: gets owner and returns a status, which
    is checked.  kept: another owner, which is held until then.
    """
    life = Life(owner, Life.end)
    life.target, life.free, life.kept = ffi.NULL, free, kept
    _lives.add(life)
    try:
        check(make(owner))
    except BaseException:
        # An interrupt may strike when it is made already.
        life.target = owner[0]
        life.end()
        raise
    life.target = owner[0]
    return life


def tie(owner: FFI.CData, kept: FFI.CData) -> None:
    """Holds kept until owner, any cdata that the collector does not know, is deallocated."""
    life = Life(owner, Life.end)
    life.target, life.free, life.kept = ffi.NULL, _free_nothing, kept
    _lives.add(life)


def _free_nothing(_target: FFI.CData) -> None:
    pass


def sweep() -> None:
    """Frees what dead owners left because an interrupt struck."""
    for life in list(_lives):
        if life() is None:
            life.end()


def forget() -> None:
    """Leaves everything to the end of the process, which is near."""
    _lives.clear()
