"""Threads that help the core to open a store, for as long as it has work for several.

The core calls back on the thread that opens. What it gives is `pykv_help`, a function of its own,
which a thread may call at any time, also when the open is over: nothing here waits.

An interrupt may strike in the callback, which cannot raise. The core then goes on without knowing
how many threads there are, and who opened the store raises the interrupt afterwards.
"""

from __future__ import annotations

import _thread
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from pykv._native._core import ffi, lib

if TYPE_CHECKING:
    from _cffi_backend import FFI

UNKNOWN: Final = -1

_kept = threading.local()


def options_for(thread_count: int) -> dict[str, Any]:
    """The fields of pykv_options with which an open may start up to thread_count threads."""
    if thread_count == 0:
        return {}
    return {
        "lend_threads": lib.pykv_python_lend_threads,
        "lend_context": ffi.cast("void *", thread_count),
    }


def forget_kept() -> None:
    """Begins an open: what struck the callback of another one, which a second interrupt ended
    before it was raised, is not this one's."""
    _kept.__dict__.pop("error", None)


def raise_kept() -> None:
    """Raises what struck the callback on this thread, if something did."""
    error = _kept.__dict__.pop("error", None)
    if error is not None:
        raise error


def _processor_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _keep(_kind: Any, error: BaseException, _trace: Any) -> None:
    _kept.error = error


@ffi.def_extern(name="pykv_python_lend_threads", error=UNKNOWN, onerror=_keep)
def lend_threads(context: FFI.CData, work: FFI.CData, wanted: int) -> int:
    """The `lend_threads` of pykv_options. context: how many threads the user allows.

    There are fewer where the interpreter is ending or the system has no more.
    """
    allowed = int(ffi.cast("uintptr_t", context))
    count = min(wanted, allowed, _processor_count() - 1)
    for number in range(count):
        try:
            _thread.start_new_thread(lib.pykv_help, (work,))
        except (RuntimeError, MemoryError):
            return number
    return count
