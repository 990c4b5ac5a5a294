"""The life of a native store: who keeps it in memory, closing, exit, forks, interrupts."""

import gc
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pykv._native import SCAN_ROWS, Handle, ffi, lib, ownership
from pykv._native._plain import StoreBase
from pykv.errors import ClosedError, ForkedError, LockedError
from tests.crash.processes import in_child


@contextmanager
def pinned(handle: Handle) -> Iterator[None]:
    """A call in flight: a value of the store that is not given back yet."""
    check_put(handle)
    value = ffi.new("pykv_pinned *")
    assert lib.pykv_get(handle.pointer, b"k", 1, 0, value) == lib.PYKV_OK
    yield
    lib.pykv_unpin(handle.pointer, value)


def check_put(handle: Handle) -> None:
    assert lib.pykv_put(handle.pointer, b"k", 1, b"v", 1, 0) == lib.PYKV_OK


def bound(handle: Handle) -> StoreBase:
    store = StoreBase()
    store._bind(handle.address, handle.owner, 1 << 20)
    return store


def can_open(path: Path) -> bool:
    try:
        Handle(path, {}).close()
    except LockedError:
        return False
    return True


def test_a_handle_is_open_until_it_is_closed(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    assert not handle.is_closed()
    assert handle.path == tmp_path / "db"
    assert handle.address == int(ffi.cast("uintptr_t", handle.pointer))
    handle.close()
    assert handle.is_closed()
    handle.close()
    handle.close(0)


def test_a_dropped_handle_gives_the_store_back(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    check_put(handle)
    assert not can_open(tmp_path / "db")
    del handle
    assert can_open(tmp_path / "db")


def test_a_scan_keeps_its_store_in_memory(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    store = bound(handle)
    store.put(b"k", b"v")
    scan = store._scan(SCAN_ROWS, -1)
    del handle, store
    gc.collect()
    assert list(scan) == [(b"k", b"v")]
    assert not can_open(tmp_path / "db")
    del scan
    assert can_open(tmp_path / "db")


def test_a_cycle_of_store_and_scan_is_collected_in_any_order(tmp_path: Path) -> None:
    """The collector ends the objects of a cycle in an order of its own; the store must go last."""

    class Holder:
        pass

    for round_ in range(20):
        handle = Handle(tmp_path / "db", {})
        store = bound(handle)
        store.put(b"k", b"v")
        scan = store._scan(SCAN_ROWS, -1)
        parts: list[Any] = [handle, store, scan, handle.owner]
        holders = [Holder() for _ in parts]
        for position, holder in enumerate(holders):
            holder.__dict__["part"] = parts[(position + round_) % len(parts)]
            holder.__dict__["next"] = holders[position - 1]
        del handle, store, scan, parts, holders, holder
        gc.collect()
        assert can_open(tmp_path / "db")


def test_close_waits_for_a_call_in_flight(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    with pinned(handle):
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="close again"):
            handle.close(0.15)
        assert 0.1 < time.monotonic() - began < 5
        with pytest.raises(TimeoutError):
            handle.close(0)
        with pytest.raises(ClosedError):
            bound(handle).get(b"k")
        assert not can_open(tmp_path / "db")
    handle.close(5)
    assert can_open(tmp_path / "db")


def test_a_second_closer_waits_for_the_first_and_no_longer_than_it_may(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    with pinned(handle):
        first = threading.Thread(target=handle.close)
        first.start()
        while not handle.is_closed():
            time.sleep(0.001)
        with pytest.raises(TimeoutError, match="close again"):
            handle.close(0.05)
    handle.close()
    first.join(10)
    assert not first.is_alive()


def test_an_interrupt_ends_the_wait_of_close(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    with pinned(handle):
        threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
        with pytest.raises(KeyboardInterrupt):
            handle.close()
    handle.close()


def test_a_signal_handler_may_close_in_the_middle_of_a_close(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    closed = []

    def close_too(_signal: int, _frame: object) -> None:
        with pytest.raises(TimeoutError):
            handle.close(0)
        closed.append(True)

    previous = signal.signal(signal.SIGALRM, close_too)
    try:
        with pinned(handle):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(TimeoutError):
                handle.close(0.3)
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert closed
    handle.close()


def test_an_interrupted_open_gives_the_store_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C right after pykv_open once left a lock that nobody could release."""

    def interrupt(_status: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ownership, "check", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Handle(tmp_path / "db", {})
    monkeypatch.undo()
    assert can_open(tmp_path / "db")


def test_a_child_may_not_use_the_store_and_may_close_it(tmp_path: Path) -> None:
    handle = Handle(tmp_path / "db", {})
    store = bound(handle)
    store.put(b"k", b"v")
    scan = store._scan(SCAN_ROWS, -1)

    def work() -> None:
        assert handle.is_closed()
        for call in (lambda: store.get(b"k"), lambda: store.put(b"k", b"w"), lambda: next(scan)):
            with pytest.raises(ForkedError):
                call()
        handle.close()

    assert in_child(work) == 0
    assert list(scan) == [(b"k", b"v")]
    handle.close()


def test_a_child_forked_during_a_close_does_not_hang(tmp_path: Path) -> None:
    """The lock of a closing thread is held for ever in a child that has no such thread."""
    handle = Handle(tmp_path / "db", {})
    with pinned(handle):
        closer = threading.Thread(target=handle.close)
        closer.start()
        while not handle.is_closed():
            time.sleep(0.001)
        assert in_child(handle.close) == 0
    closer.join(10)


EXIT = """
import sys
from pathlib import Path
from pykv._native import Handle, lib
{setup}
path = Path(sys.argv[1])
handle = Handle(path, {{}})
assert lib.pykv_put(handle.pointer, b"k", 1, b"v", 1, 0) == 0
{work}
"""


def run_to_exit(path: Path, work: str = "", setup: str = "") -> subprocess.CompletedProcess[str]:
    code = EXIT.format(work=work, setup=setup)
    return subprocess.run(
        [sys.executable, "-W", "default", "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def was_clean(path: Path) -> bool:
    handle = Handle(path, {})
    stats: Any = ffi.new("pykv_stats *")
    assert lib.pykv_get_stats(handle.pointer, stats) == lib.PYKV_OK
    handle.close()
    return bool(stats.clean_open)


def test_a_store_left_open_at_exit_is_closed_with_a_warning(tmp_path: Path) -> None:
    done = run_to_exit(tmp_path / "db")
    assert done.returncode == 0
    assert "ResourceWarning: the pykv store" in done.stderr
    assert "Error" not in done.stderr
    assert was_clean(tmp_path / "db")


def test_a_closed_store_exits_in_silence(tmp_path: Path) -> None:
    done = run_to_exit(tmp_path / "db", "handle.close()")
    assert (done.returncode, done.stderr) == (0, "")


def test_exit_ends_a_thread_that_never_stops_writing(tmp_path: Path) -> None:
    work = """
import threading
def write():
    while True:
        lib.pykv_put(handle.pointer, b"k", 1, b"v", 1, 0)
for _ in range(3):
    threading.Thread(target=write, daemon=True).start()
"""
    done = run_to_exit(tmp_path / "db", work)
    assert done.returncode == 0, done.stderr
    assert was_clean(tmp_path / "db")


def test_exit_does_not_wait_for_ever_for_a_call_in_flight(tmp_path: Path) -> None:
    setup = "import pykv._native.handle as module; module.EXIT_SECONDS = 0.3"
    work = """
from pykv._native import ffi
value = ffi.new("pykv_pinned *")
lib.pykv_get(handle.pointer, b"k", 1, 0, value)
other = Handle(path.with_name("other"), {})
"""
    began = time.monotonic()
    done = run_to_exit(tmp_path / "db", work, setup)
    assert time.monotonic() - began < 30
    assert "TimeoutError" in done.stderr
    assert was_clean(tmp_path / "other")


def test_exit_finishes_a_close_that_ran_out_of_time(tmp_path: Path) -> None:
    work = """
from pykv._native import ffi
value = ffi.new("pykv_pinned *")
lib.pykv_get(handle.pointer, b"k", 1, 0, value)
try:
    handle.close(0.01)
except TimeoutError:
    lib.pykv_unpin(handle.pointer, value)
"""
    done = run_to_exit(tmp_path / "db", work)
    assert (done.returncode, done.stderr) == (0, "")
    assert was_clean(tmp_path / "db")


def test_a_child_that_exits_leaves_the_store_of_its_parent_alone(tmp_path: Path) -> None:
    work = """
import os
if os.fork() == 0:
    sys.exit(3)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 3
assert lib.pykv_put(handle.pointer, b"k", 1, b"w", 1, 0) == 0
handle.close()
"""
    done = run_to_exit(tmp_path / "db", work)
    assert (done.returncode, done.stderr) == (0, "")
    assert was_clean(tmp_path / "db")
