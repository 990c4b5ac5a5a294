"""A directory that is removed whole under a feed that follows: bounded waits and named errors."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.engine.native_kinds import Kind

import pykv
from pykv.errors import ClosedError, HistoryGoneError, ReplacedError

SECONDS_MAX = 30


@pytest.fixture
def db(kind: Kind, tmp_path: Path) -> Iterator[Any]:
    """A store whose first write is on the device. What its close needs may be gone."""
    store = kind.open(tmp_path / "db", history_bytes=1 << 30)
    store.put(b"a", b"1", sync=True)
    yield store
    close(store)


def later(call: Callable[[], object]) -> threading.Thread:
    """Calls it in a moment, when the feed waits."""
    timer = threading.Timer(0.2, call)
    timer.start()
    return timer


def remove(path: Path) -> None:
    """Removes a directory in which the threads of a store may still make a file."""
    while path.exists():
        with suppress(OSError):
            shutil.rmtree(path)


def close(db: Any) -> None:
    with suppress(OSError, pykv.Error):
        db.close()


def failure_of(feed: Iterator[Any]) -> BaseException:
    """What the next step of feed raises, within its time."""
    begun = time.monotonic()
    with pytest.raises(pykv.Error) as caught:
        next(feed)
    assert time.monotonic() - begun < SECONDS_MAX
    return caught.value


def test_the_feed_of_the_writer_goes_on_in_the_files_that_are_open(db: Any) -> None:
    feed = db.changes(follow=True, timeout=SECONDS_MAX)
    assert next(feed).key == b"a"

    def remove_and_write() -> None:
        remove(db.path)
        db.put(b"b", b"2", sync=True)

    thread = later(remove_and_write)
    assert next(feed).key == b"b"
    thread.join()
    thread = later(lambda: close(db))
    assert type(failure_of(feed)) in (ClosedError, HistoryGoneError)
    thread.join()
    assert not db.path.exists()


def test_a_feed_that_begins_then_says_that_nothing_is_kept(db: Any) -> None:
    remove(db.path)
    with suppress(OSError, pykv.Error):
        db.flush()
    feed = db.changes(0, follow=True, timeout=SECONDS_MAX)
    failure = failure_of(feed)
    assert type(failure) is HistoryGoneError


@pytest.mark.parametrize("is_closed", [False, True])
@pytest.mark.parametrize("timeout", [SECONDS_MAX, None])
def test_the_feed_of_a_reader_says_that_it_was_replaced(
    kind: Kind, db: Any, is_closed: bool, timeout: float | None
) -> None:
    if is_closed:
        db.close()
    with kind.open(db.path, read_only=True) as reader:
        feed = reader.changes(follow=True, timeout=timeout, unsynced=True)
        assert next(feed).key == b"a"
        thread = later(lambda: remove(db.path))
        for _ in range(2):
            failure = failure_of(feed)
            assert type(failure) is ReplacedError
            assert failure.path == db.path
        thread.join()
        assert reader[b"a"] == b"1"
        feed.close()
