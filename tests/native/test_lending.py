"""Threads that an open starts where it has much to recover, and what happens without them."""

import _thread
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import pykv
from pykv._native import Handle, lending, lib
from pykv._native.lending import options_for, raise_kept

ROWS = 12_000
VALUE = b"v" * 1000
OPTIONS = {"engine": lib.PYKV_ENGINE_LSM, "memtable_bytes": 4 << 20}


def fill(path: Path, options: dict[str, int], target: Path) -> None:
    """Puts rows into a new store at path, and leaves at target what a kill would leave."""
    with closing(Handle(path, options)) as handle:
        for number in range(ROWS):
            key = b"%08d" % number
            assert not lib.pykv_put(handle.pointer, key, len(key), VALUE, len(VALUE), 0)
        shutil.copytree(path, target)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An LSM store with four logs of 4 MiB or less that no table has."""
    path = tmp_path_factory.mktemp("killed")
    fill(path / "live", OPTIONS, path / "db")
    return path / "db"


@pytest.fixture
def path(killed: Path, tmp_path: Path) -> Path:
    return shutil.copytree(killed, tmp_path / "db")


def start_by(monkeypatch: pytest.MonkeyPatch, start: Callable[..., int]) -> None:
    """Starts what an open asks for by start, and threads that are lent for good as ever."""
    monkeypatch.setattr(lending, "_thread", SimpleNamespace(start_new_thread=start))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the threads of opens do, on a machine with four processors."""
    calls: list[Any] = []
    start = _thread.start_new_thread

    def note(work: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        calls.append(work)
        return start(work, arguments)

    start_by(monkeypatch, note)
    monkeypatch.setattr(lending, "_processor_count", lambda: 4)
    return calls


def check_rows(path: Path, thread_count: int) -> None:
    Handle(path, OPTIONS, thread_count).close()
    with pykv.open(path) as db:
        assert db.count() == ROWS
        assert db[b"%08d" % (ROWS - 1)] == VALUE


def test_threads_help_to_open_what_was_killed(path: Path, started: list[Any]) -> None:
    check_rows(path, 16)
    assert started == [lib.pykv_help] * 3


@pytest.mark.parametrize("count", [0, 1])
def test_there_are_no_more_than_the_user_allows(path: Path, started: list[Any], count: int) -> None:
    check_rows(path, count)
    assert len(started) == count


def test_a_single_processor_has_no_use_for_them(
    path: Path, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lending, "_processor_count", lambda: 1)
    check_rows(path, 16)
    assert started == []


def test_a_store_that_was_closed_asks_for_none(path: Path, started: list[Any]) -> None:
    Handle(path, OPTIONS).close()
    check_rows(path, 16)
    assert started == []


def test_a_killed_bitcask_with_one_open_segment_asks_for_none(
    tmp_path: Path, started: list[Any]
) -> None:
    fill(tmp_path / "live", {"engine": lib.PYKV_ENGINE_BITCASK}, tmp_path / "db")
    Handle(tmp_path / "db", {}, 16).close()
    assert started == []


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), MemoryError()])
@pytest.mark.parametrize("possible", [0, 1])
def test_a_system_without_more_threads_opens_with_fewer(
    path: Path,
    started: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    possible: int,
) -> None:
    start = _thread.start_new_thread

    def limited(work: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        if len(started) == possible:
            raise failure
        started.append(work)
        return start(work, arguments)

    start_by(monkeypatch, limited)
    check_rows(path, 16)
    assert len(started) == possible


def test_an_interrupt_while_threads_start_is_raised_when_the_open_is_over(
    path: Path,
    started: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It struck in a callback, which cannot raise: it was printed there, and was lost."""
    start = _thread.start_new_thread

    def interrupted(work: Callable[..., object], arguments: tuple[Any, ...]) -> int:
        number = start(work, arguments)
        signal.raise_signal(signal.SIGINT)
        return number

    start_by(monkeypatch, interrupted)
    with pytest.raises(KeyboardInterrupt):
        Handle(path, OPTIONS, 16)
    assert capfd.readouterr().err == ""
    start_by(monkeypatch, start)
    raise_kept()
    check_rows(path, 16)


def test_an_interrupt_that_was_kept_is_not_that_of_a_later_open(
    path: Path, started: list[Any]
) -> None:
    """A second interrupt ended the open before the first one, which its callback had kept, was
    raised: it came out of the next open, of whatever store."""
    lending._keep(None, KeyboardInterrupt("of another open"), None)
    check_rows(path, 16)


def test_an_open_in_another_thread_is_helped_too(path: Path, started: list[Any]) -> None:
    opener = threading.Thread(target=check_rows, args=(path, 16))
    opener.start()
    opener.join()
    assert len(started) == 3


def test_opens_of_python_allow_as_many_as_background_threads(
    path: Path, started: list[Any]
) -> None:
    with pykv.open(path, read_only=True, background_threads=1) as db:
        assert db[b"%08d" % 0] == VALUE
    assert len(started) == 1
    with pykv.open(path, background_threads=0) as db:
        assert db[b"%08d" % 0] == VALUE
    assert len(started) == 1


def test_none_are_lent_where_none_are_allowed() -> None:
    assert options_for(0) == {}
    assert options_for(2)["lend_threads"] == lib.pykv_python_lend_threads


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the number of the system counts")
def test_processors_are_those_that_the_process_may_use() -> None:
    assert lending._processor_count() >= 1
