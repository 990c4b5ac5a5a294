"""Threads for the core, which starts none: some are lent for good, and one for a call that is long.

All of them are daemons. A lent thread waits inside the core until the store closes; it holds the
memory of the store, not the store, so that a store left open can still be collected and closed.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from pykv._native import Handle, check, ffi, lib
from pykv.store import Progress

if TYPE_CHECKING:
    from _cffi_backend import FFI

PROGRESS_SECONDS: Final = 0.05


def lend_threads(handle: Handle, count: int, niceness: int = 0) -> int:
    """Lends up to count threads to the store of handle, and returns how many there are.

    The first keeps the log, the others tidy the data, on Linux with niceness added to that of the
    process, so that they give way where processors are scarce. There are fewer where the
    interpreter is ending or the system has no more: writers then do the work themselves.
    """
    if count:
        handle.expect_threads()
    # threading.Thread waits until its thread runs, which would be most of the time of open.
    for number in range(count):
        role = lib.PYKV_ROLE_DATA if number else lib.PYKV_ROLE_LOG
        try:
            _thread.start_new_thread(_lend, (handle.owner, role, niceness))
        except RuntimeError:
            return number
    return count


def _lend(owner: FFI.CData, role: int, niceness: int) -> None:
    if niceness and role == lib.PYKV_ROLE_DATA and sys.platform == "linux":
        _give_way(niceness)
    lib.pykv_maintain(owner[0], role)


def _give_way(niceness: int) -> None:
    """Makes this thread nicer, and no other of the process: so Linux takes the number of one."""
    thread = threading.get_native_id()
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)


def run_long(call: Callable[[Any], int], progress: Progress | None) -> None:
    """Makes a long call of the core in a thread of its own, and waits for it.

    call: takes a pykv_progress* and returns a status, which is checked.  progress: gets what is
    done and the total, now and then, on the thread of the caller.  An interrupt of the caller, or
    an error of progress, ends the call early and goes on.
    """
    shared: Any = ffi.new("pykv_progress *")
    failures: list[BaseException] = []
    begins, ended = [True], [False]  # who pops the one of begins decides whether there is a call
    bell = _thread.allocate_lock()
    bell.acquire()

    def work() -> None:
        if not _popped(begins):
            return
        try:
            check(call(shared))
        except BaseException as error:
            failures.append(error)
        finally:
            ended[0] = True
            bell.release()

    # Threads and events of threading are Python: an interrupt in them leaves their locks taken.
    try:
        _thread.start_new_thread(work, ())
        while not (bell.acquire(timeout=PROGRESS_SECONDS) or ended[0]):
            _tell(shared, progress)
        _tell(shared, progress)
    finally:
        shared.cancel = 1
        while not (_popped(begins) or ended[0]):
            bell.acquire(timeout=PROGRESS_SECONDS)
    if failures:
        raise failures[0]


def _popped(ticket: list[bool]) -> bool:
    """Whether this thread is the one that took the only element."""
    try:
        return ticket.pop()
    except IndexError:
        return False


def _tell(shared: Any, progress: Progress | None) -> None:
    if progress is not None and shared.total:
        progress(min(shared.done, shared.total), shared.total)
