"""Threads lent to the core, and long calls in a thread of their own."""

import _thread
import os
import signal
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import pytest

from pykv._native import Handle, ffi, lib
from pykv.engine import maintenance
from pykv.engine.maintenance import lend_threads, run_long
from pykv.errors import ClosedError


def wait_for(expected: int) -> None:
    """Waits until there are so many threads, those without a Thread object included."""
    deadline = time.monotonic() + 10
    while _thread._count() != expected:
        assert time.monotonic() < deadline, f"{_thread._count()} threads, not {expected}"
        time.sleep(0.001)


def settled() -> int:
    """How many threads there are once those that closes before this one sent home have ended."""
    count, since = _thread._count(), time.monotonic()
    while time.monotonic() - since < 0.05:
        time.sleep(0.001)
        if _thread._count() != count:
            count, since = _thread._count(), time.monotonic()
    return count


def test_lent_threads_come_back_when_the_store_closes(tmp_path: Path) -> None:
    before = settled()
    handle = Handle(tmp_path / "db", {})
    assert lend_threads(handle, 3) == 3
    wait_for(before + 3)
    time.sleep(0.1)
    assert _thread._count() == before + 3
    handle.close()
    wait_for(before)


def priorities() -> dict[int, int]:
    """The niceness of each thread of this process, by its number."""
    threads = [int(each.name) for each in Path("/proc/self/task").iterdir()]
    return {thread: os.getpriority(os.PRIO_PROCESS, thread) for thread in threads}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only processes have a niceness")
@pytest.mark.parametrize("niceness", [0, 5])
def test_the_threads_that_tidy_give_way_and_no_other(tmp_path: Path, niceness: int) -> None:
    before = settled()
    known = priorities()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    lower = min(own + niceness, 19)
    handle = Handle(tmp_path / "db", {})
    lend_threads(handle, 3, niceness)
    wait_for(before + 3)
    deadline = time.monotonic() + 10
    lent: list[int] = []
    while lent != [own, lower, lower]:
        assert time.monotonic() < deadline, f"{lent}, not {[own, lower, lower]}"
        now = priorities()
        lent = sorted(now[thread] for thread in now.keys() - known.keys())
    assert {thread: now[thread] for thread in known} == known
    handle.close()
    wait_for(before)


def test_no_threads_are_fine(tmp_path: Path) -> None:
    before = settled()
    handle = Handle(tmp_path / "db", {})
    assert lend_threads(handle, 0) == 0
    assert _thread._count() == before
    handle.close()


def test_a_lent_thread_does_not_keep_the_handle(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    lend_threads(handle, 2)
    seen = weakref.ref(handle)
    handle.close()
    del handle
    assert seen() is None


def test_a_thread_that_comes_after_the_close_goes_home_at_once(tmp_path: Path) -> None:
    before = settled()
    handle = Handle(tmp_path / "db", {})
    handle.close()
    assert lend_threads(handle, 2) == 2
    wait_for(before)


def test_a_store_abandoned_by_its_finalizer_is_closed_by_the_next_open(tmp_path: Path) -> None:
    """An interrupt in a finalizer is lost, and once left the store locked by its own threads."""
    before = settled()
    handle = Handle(tmp_path / "db", {})
    lend_threads(handle, 2)
    del handle
    Handle(tmp_path / "db", {}).close()
    wait_for(before)


def test_where_no_thread_can_start_there_are_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    handle = Handle(tmp_path / "db", {})
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    assert lend_threads(handle, 2) == 0
    handle.close()


def count_to(total: int, seconds: float = 0.0) -> Any:
    """A long call that counts, until it is told to stop."""

    def call(shared: Any) -> int:
        shared.total = total
        for number in range(total):
            if shared.cancel:
                return lib.PYKV_TIMED_OUT
            shared.done = number + 1
            time.sleep(seconds)
        return lib.PYKV_OK

    return call


def test_progress_is_told_on_the_thread_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "PROGRESS_SECONDS", 0.001)
    seen: list[tuple[int, int]] = []
    threads: set[int] = set()

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        threads.add(threading.get_ident())

    run_long(count_to(50, 0.001), progress)
    assert threads == {threading.get_ident()}
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (50, 50)


def test_without_progress_the_call_is_made_all_the_same() -> None:
    done: list[int] = []

    def call(shared: Any) -> int:
        done.append(threading.get_ident())
        return lib.PYKV_OK

    run_long(call, None)
    assert len(done) == 1
    assert done[0] != threading.get_ident()


def test_a_failure_is_raised_with_the_detail_of_its_own_thread(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    handle.close()
    with pytest.raises(ClosedError, match="closed"):
        run_long(lambda shared: lib.pykv_compact(handle.pointer, ffi.NULL, shared), None)


def test_an_error_of_progress_ends_the_call_early() -> None:
    def progress(done: int, total: int) -> None:
        raise ZeroDivisionError

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        run_long(count_to(10_000, 0.01), progress)
    assert time.monotonic() - began < 10


def test_an_interrupt_ends_the_call_early() -> None:
    stopped: list[int] = []

    def call(shared: Any) -> int:
        status: int = count_to(10_000, 0.01)(shared)
        stopped.append(status)
        return status

    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        run_long(call, None)
    assert stopped == [lib.PYKV_TIMED_OUT]
