"""The feed over cffi: what an interrupt strikes is not lost, and any thread may close it."""

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pykv._native import _plain_changes
from tests.native.fast_stores import ENGINES, HAS_FAST, open_over

PATHS = ("fast", "plain") if HAS_FAST else ("plain",)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_while_a_chunk_is_read_loses_nothing(engine: str, tmp_path: Path) -> None:
    """The feed once went on behind the chunk, which nobody had seen."""
    made = _plain_changes.Changes._made
    strikes = iter([False, True, False, False, True, False])

    def struck(feed: Any, raw: Any) -> Any:
        if next(strikes):
            raise KeyboardInterrupt
        return made(feed, raw)

    seen = []
    with open_over("plain", tmp_path / "db", engine) as db, pytest.MonkeyPatch.context() as patch:
        db.put_many([(b"%d" % number, b"v") for number in range(4)], sync=True)
        patch.setattr(_plain_changes.Changes, "_made", struck)
        feed = db.changes()
        for _ in range(6):
            try:
                seen.append(next(feed).seq)
            except KeyboardInterrupt:
                continue
        assert list(feed) == []
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("path", PATHS)
def test_a_close_by_another_thread_ends_a_wait(path: str, tmp_path: Path) -> None:
    seen: list[Any] = []
    with open_over(path, tmp_path / "db") as db:
        feed = db.changes(follow=True)
        reader = threading.Thread(target=lambda: seen.extend(feed))
        reader.start()
        time.sleep(0.02)
        feed.close()
        reader.join(30)
        assert (reader.is_alive(), seen, list(feed)) == (False, [], [])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("begin", [lambda db: db.scan(), lambda db: db.changes(unsynced=True)])
def test_what_is_closed_gives_nothing_of_its_chunk(
    path: str, begin: Callable[[Any], Any], tmp_path: Path
) -> None:
    with open_over(path, tmp_path / "db") as db:
        db.put_many((b"%d" % number, b"v") for number in range(100))
        begun = begin(db)
        assert next(begun)
        begun.close()
        begun.close()
        assert list(begun) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_signal_handler_may_not_step_into_a_feed_that_waits(path: str, tmp_path: Path) -> None:
    """The feed of the type in C was ended under the call that waited, which crashed."""
    told: list[type] = []

    def step(_number: int, _frame: object) -> None:
        try:
            next(feed)
        except RuntimeError as error:
            told.append(type(error))

    before = signal.signal(signal.SIGALRM, step)
    with open_over(path, tmp_path / "db") as db:
        feed = db.changes(follow=True, timeout=0.5)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.1)
        try:
            assert list(feed) == []
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    assert set(told) == {RuntimeError}


@pytest.mark.parametrize("path", PATHS)
def test_a_signal_handler_may_close_a_feed_that_waits(path: str, tmp_path: Path) -> None:
    with open_over(path, tmp_path / "db") as db:
        feed = db.changes(follow=True)
        before = signal.signal(signal.SIGALRM, lambda *_: feed.close())
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            assert list(feed) == []
        finally:
            signal.signal(signal.SIGALRM, before)


def test_a_scan_over_cffi_is_not_closed_while_its_rows_are_read(tmp_path: Path) -> None:
    """The rows were freed under the call that copied them."""
    with open_over("plain", tmp_path / "db") as db:
        db.put(b"a", b"1")
        scan = db.scan()
        read = type(scan)._read

        def closing(self: Any) -> list[Any]:
            with pytest.raises(RuntimeError, match="in the middle"):
                self.close()
            with pytest.raises(RuntimeError, match="in the middle"):
                next(self)
            return list(read(self))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(scan), "_read", closing)
            assert list(scan) == [(b"a", b"1")]
