"""The owner of a pykv_store: opening, closing, and what happens at exit and in a forked child.

Lifetime. `Handle.owner` owns the store, as `pykv._native.ownership` has it. Whatever uses the store
holds owner, so the store is freed last: after its scans, which let go of it when they are closed,
and after the threads lent to it. A base type of stores is given
`_bind(address, owner, batch_bytes_max)` and uses address for as long as it holds owner. A type
written in C does not show owner to the collector, and closes a scan before it lets go of owner.
Nobody asks beforehand whether the store is open: the calls of pykv.h answer PYKV_CLOSED and
PYKV_FORKED at any time before pykv_free.

At exit the stores that are still open are closed, within a time limit, and a ResourceWarning names
each. Threads lent to the core are daemons that wait inside it until then.

In a forked child the calls of the core refuse by themselves, and closing does nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import time
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pykv._native._core import ffi, lib
from pykv._native.lending import forget_kept, options_for, raise_kept
from pykv._native.ownership import forget, own, sweep
from pykv._native.status import error_of

if TYPE_CHECKING:
    from _cffi_backend import FFI

EXIT_SECONDS: Final = 10.0
_SLICE_US: Final = 100_000
_ABANDONED_CLOSE_US: Final = 10_000_000

_open_handles: weakref.WeakSet[Handle] = weakref.WeakSet()

# By address: stores that lent threads keep in memory, with the handle that should close them.
_lent: dict[int, tuple[FFI.CData, weakref.ref[Handle]]] = {}


class Handle:
    """An open store of the core. Any thread may use it.

    path: as given.  owner: what keeps the store in memory.  pointer: the pykv_store*.
    """

    __slots__ = ("__weakref__", "_process", "owner", "path", "pointer")

    def __init__(
        self, path: Path, options: Mapping[str, int | float], thread_count: int = 0
    ) -> None:
        """Opens the store at path, with fields of pykv_options; raises what `pykv.open` names.

        thread_count: threads at most that may be started to help with a recovery.
        """
        _close_abandoned()
        given = ffi.new("pykv_options *", dict(options) | options_for(thread_count))

        def make(owner: FFI.CData) -> int:
            forget_kept()
            status: int = lib.pykv_open(os.fsencode(path), given, owner)
            raise_kept()
            return status

        self.owner: FFI.CData = ffi.new("pykv_store **")
        own(self.owner, lib.pykv_free, make)
        self.pointer: FFI.CData = self.owner[0]
        self.path = path
        self._process = os.getpid()
        _open_handles.add(self)

    @property
    def address(self) -> int:
        """The address of the store, for types written in C."""
        return int(ffi.cast("uintptr_t", self.pointer))

    def is_closed(self) -> bool:
        """True after close, while it runs, and in a forked child."""
        status = lib.pykv_check_open(self.pointer)
        return status in (lib.PYKV_CLOSED, lib.PYKV_FORKED)

    def expect_threads(self) -> None:
        """Call it before threads are lent: they hold the store, and somebody must close it."""
        _lent[self.address] = (self.owner, weakref.ref(self))

    def close(self, timeout: float | None = None) -> None:
        """Drains, syncs and closes the store; silent where that is done, and in a forked child.

        timeout: seconds to wait for calls in flight, None for ever.  Raises TimeoutError when they
        are over: the store then refuses new calls, and close may be called again. Raises what the
        last sync raises, with the store closed.
        """
        if os.getpid() != self._process:
            return
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        status = lib.PYKV_TIMED_OUT
        # Signals get through between slices.
        while status == lib.PYKV_TIMED_OUT:
            left_us = max((deadline - time.monotonic()) * 1e6, 0.0)
            status = lib.pykv_close(self.pointer, int(min(left_us, _SLICE_US)))
            if left_us == 0.0:
                break
        error = None if status == lib.PYKV_OK else error_of(status)
        if status != lib.PYKV_TIMED_OUT:
            _open_handles.discard(self)
            _lent.pop(self.address, None)
        if error is not None:
            raise error


def _close_abandoned() -> None:
    """Closes stores whose finalizer was interrupted before it could.

    Python drops an interrupt that strikes in a finalizer, and the rest of the finalizer with it.
    """
    for address, (owner, handle) in list(_lent.items()):
        if handle() is None:
            lib.pykv_close(owner[0], _ABANDONED_CLOSE_US)
            _lent.pop(address, None)
    sweep()


def _close_at_exit(handle: Handle, deadline: float) -> None:
    was_open = not handle.is_closed()
    try:
        handle.close(max(deadline - time.monotonic(), 0.0))
    finally:
        if was_open:
            text = f"the pykv store {str(handle.path)!r} was left open"
            warnings.warn(text, ResourceWarning, stacklevel=1)


@atexit.register
def _close_all() -> None:
    _close_abandoned()
    deadline = time.monotonic() + EXIT_SECONDS
    with contextlib.ExitStack() as stack:
        # pykv_free would wait for ever for a call that nobody ends any more.
        stack.callback(forget)
        for handle in list(_open_handles):
            stack.callback(_close_at_exit, handle, deadline)
