"""The owner of a pykv_store: opening, closing, and what happens at exit and in a forked child.

Lifetime. `Handle.pointer` is a cdata whose deallocation calls pykv_free. Whatever uses the store
holds a reference to it, so the store is freed last: after its scans, which close in their
finalizers, and after the threads lent to it. A base type of stores is given
`_bind(address, owner, batch_bytes_max)`; owner is that cdata. A type written in C uses address for
as long as it holds owner, closes a scan before it lets go of owner, and does not let go of it in
tp_clear. Nobody asks beforehand whether the store is open: the calls of pykv.h answer PYKV_CLOSED
and PYKV_FORKED at any time before pykv_free.

At exit the stores that are still open are closed, within a time limit, and a ResourceWarning names
each. Threads lent to the core are daemons that wait inside it until then.

In a forked child the calls of the core refuse by themselves, and closing does nothing.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pykv._native._core import ffi, lib
from pykv._native.status import check, error_of

if TYPE_CHECKING:
    from _cffi_backend import FFI

EXIT_SECONDS: Final = 10.0
_SLICE_SECONDS: Final = 0.1

_open_handles: weakref.WeakSet[Handle] = weakref.WeakSet()


class Handle:
    """An open store of the core. Any thread may use it.

    path: as given.  pointer: the pykv_store*, whose holders keep the store in memory.
    """

    __slots__ = ("__weakref__", "_closing", "_process", "path", "pointer")

    def __init__(self, path: Path, options: Mapping[str, int | float]) -> None:
        """Opens the store at path, with fields of pykv_options; raises what `pykv.open` names."""
        given = ffi.new("pykv_options *", dict(options))
        store_out = ffi.new("pykv_store **")
        try:
            check(lib.pykv_open(os.fsencode(path), given, store_out))
        except BaseException:
            # An interrupt may come when the store is open already.
            lib.pykv_free(store_out[0])
            raise
        self.pointer: FFI.CData = ffi.gc(store_out[0], lib.pykv_free)
        self.path = path
        self._process = os.getpid()
        # A signal handler or a finalizer may close in the middle of a close of its own thread.
        self._closing = threading.RLock()
        _open_handles.add(self)

    @property
    def address(self) -> int:
        """The address of the store, for types written in C."""
        return int(ffi.cast("uintptr_t", self.pointer))

    def is_closed(self) -> bool:
        """True after close, while it runs, and in a forked child."""
        status = lib.pykv_count(self.pointer, ffi.new("uint64_t *"))
        return status in (lib.PYKV_CLOSED, lib.PYKV_FORKED)

    def close(self, timeout: float | None = None) -> None:
        """Drains, syncs and closes the store; silent where that is done, and in a forked child.

        timeout: seconds to wait for calls in flight, None for ever.  Raises TimeoutError when they
        are over: the store then refuses new calls, and close may be called again. Raises what the
        last sync raises, with the store closed.
        """
        if os.getpid() != self._process:
            return
        seconds = threading.TIMEOUT_MAX if timeout is None else max(timeout, 0.0)
        deadline = time.monotonic() + seconds
        if not self._closing.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            raise TimeoutError(f"another thread is still closing {self.path}: close it again")
        try:
            error = self._close_until(deadline)
        finally:
            self._closing.release()
        if error is not None:
            raise error

    def _close_until(self, deadline: float) -> Exception | None:
        """Waits in slices, between which signals get through."""
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            status = lib.pykv_close(self.pointer, int(min(left, _SLICE_SECONDS) * 1e6))
            if status == lib.PYKV_TIMED_OUT and left > 0.0:
                continue
            error = None if status == lib.PYKV_OK else error_of(status)
            if status != lib.PYKV_TIMED_OUT:
                _open_handles.discard(self)
            return error


def _close_at_exit(handle: Handle, deadline: float) -> None:
    was_open = not handle.is_closed()
    try:
        handle.close(deadline - time.monotonic())
    except TimeoutError:
        # pykv_free would wait for ever for a call that nobody ends any more.
        ffi.gc(handle.pointer, None)
        raise
    finally:
        if was_open:
            text = f"the pykv store {str(handle.path)!r} was left open"
            warnings.warn(text, ResourceWarning, stacklevel=1)


@atexit.register
def _close_all() -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    with contextlib.ExitStack() as stack:
        for handle in list(_open_handles):
            stack.callback(_close_at_exit, handle, deadline)
