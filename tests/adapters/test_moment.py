"""Moments of databases of others, most of which crash where two threads use one at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest

import pykv
from pykv.adapters._moment import SharedMoment
from pykv.errors import ClosedError
from pykv.reader import Row
from tests.adapters.test_adapters import ROWS, adapters

_ROUNDS: Final = 20
_THREADS: Final = 3


class Strict:
    """A moment that notes every use beside another one, and every use once it was given up."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.closed = False
        self._used = threading.Lock()

    def _use(self) -> None:
        if not self._used.acquire(blocking=False):
            self.wrong.append("used twice at once")
            return
        if self.closed:
            self.wrong.append("used when closed")
        time.sleep(0.000_1)
        self._used.release()

    def get(self, key: bytes) -> bytes | None:
        self._use()
        return key

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        self._use()
        for number in range(20):
            self._use()
            yield b"%d" % number, b""

    def close(self) -> None:
        self._use()
        self.closed = True


def test_threads_take_turns_and_the_last_gives_it_up() -> None:
    strict = Strict()
    shared: Any = SharedMoment(strict)

    def use(moment: SharedMoment) -> None:
        for _ in range(10):
            moment.get(b"k")
            assert len(list(moment.rows(b"", None, False))) == 20

    threads = [threading.Thread(target=use, args=(shared,)) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    del shared
    for thread in threads:
        thread.join()
    del threads, thread
    assert strict.closed
    assert strict.wrong == []


def test_rows_keep_their_moment() -> None:
    strict = Strict()
    rows = SharedMoment(strict).rows(b"", None, False)
    assert len(list(rows)) == 20
    assert not strict.closed
    del rows
    assert strict.closed


def read_snapshot(kept: Any) -> None:
    assert [kept[b"0123"], *kept.get_many([b"0499", b"x"])] == [ROWS[b"0123"], ROWS[b"0499"], None]
    assert kept.count(b"0100", b"0200") == 100


def move_cursor(kept: Any) -> None:
    if kept.seek(b"0100"):
        kept.next()
        kept.prev()


def read_scan(kept: Any) -> None:
    key, value = next(kept)
    assert ROWS[key] == value


READS: Final = {"snapshot": read_snapshot, "cursor": move_cursor, "scan": read_scan}


@adapters
@pytest.mark.parametrize("kind", READS)
def test_one_closes_what_others_read(tmp_path: Path, engine: str, kind: str) -> None:
    # A segmentation fault in sqlite3 once: one thread closed the connection of a snapshot in which
    # others were executing.
    wrong: list[BaseException] = []

    def read(kept: Any, once: Callable[[Any], None]) -> None:
        try:
            with suppress(ClosedError, StopIteration):
                while True:
                    once(kept)
        except BaseException as error:
            wrong.append(error)

    with pykv.open(tmp_path / "db", engine=engine) as db:
        db.update(ROWS)
        if kind == "snapshot" and not pykv.supports(db, "snapshot"):
            pytest.skip(f"{engine} keeps no snapshots")
        for _ in range(_ROUNDS):
            kept = getattr(db, kind)()
            threads = [
                threading.Thread(target=read, args=(kept, READS[kind])) for _ in range(_THREADS)
            ]
            for thread in threads:
                thread.start()
            time.sleep(0.002)
            kept.close()
            for thread in threads:
                thread.join()
    assert wrong == []
