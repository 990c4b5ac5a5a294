"""Cursors over the fast type beside those over its plain twin."""

import gc
import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pykv.errors import ClosedError
from tests.native.fast_stores import (
    PATHS,
    base_of,
    needs_fast,
    open_over,
    outcome,
    snapshot_base_of,
)

pytestmark = needs_fast

KEYS = [b"%04d" % i for i in range(0, 2_000, 3)]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[list[Any]]:
    """A store over the fast path and one over the plain one, with the same rows."""
    stores = [open_over(path, tmp_path / path, "lsm") for path in PATHS]
    for store in stores:
        store.put_many((key, key * 9) for key in KEYS)
        store[b"large"] = b"L" * 200_000
    yield stores
    for store in stores:
        store.close()


def test_the_same_moves_come_to_the_same_rows(both: list[Any]) -> None:
    chance = random.Random(7)
    cursors = [store.cursor(b"0100", b"m") for store in both]
    for _ in range(1_500):
        name = chance.choice(["next", "next", "prev", "seek", "seek_back", "first", "last", "key"])
        if name == "key":
            fast, plain = (outcome(lambda each=each: (each.key, each.value)) for each in cursors)
        else:
            key = [b"%04d" % chance.randrange(2_100)] if name.startswith("seek") else []
            fast, plain = (outcome(getattr(each, name), *key) for each in cursors)
        assert fast == plain, name


def test_the_row_beside_a_key_is_the_same(both: list[Any]) -> None:
    kept = [store.snapshot() for store in both]
    for pair in (both, kept):
        for key in (b"", b"0000", b"0001", b"large", b"z", "text", b"k" * 70_000):
            for name in ("floor", "ceiling"):
                fast, plain = (outcome(getattr(each, name), key) for each in pair)
                assert fast == plain
        assert pair[0].first() == pair[1].first() == (b"0000", b"0000" * 9)
        assert pair[0].last() == pair[1].last() == (b"large", b"L" * 200_000)


def test_a_dropped_one_gives_back_what_it_keeps(both: list[Any]) -> None:
    for store in both:
        cursor = store.cursor()
        assert cursor.next()
        assert store.stats()["open_scan_count"] == 1
        del cursor
        gc.collect()
        assert store.stats()["open_scan_count"] == 0


@pytest.mark.parametrize("base", [base_of, snapshot_base_of])
def test_an_object_without_a_store_makes_none(base: Any) -> None:
    empty = base("fast")()
    with pytest.raises(AttributeError, match="no store"):
        empty._cursor(None, None)
    with pytest.raises(AttributeError, match="no store"):
        empty._near(1)


def test_it_cannot_be_made_by_its_type(both: list[Any]) -> None:
    with pytest.raises(TypeError):
        type(both[0].cursor())()
    assert not hasattr(sys.modules["pykv._native._fast"], "Cursor")


def test_a_second_thread_in_the_middle_of_it_is_told(both: list[Any]) -> None:
    cursor = both[0].cursor()
    wrong: list[BaseException] = []

    def move() -> None:
        try:
            for _ in range(300):
                try:
                    cursor.seek(b"0500")
                    cursor.value  # noqa: B018
                except (RuntimeError, IndexError):
                    pass
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=move) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cursor.first()


def test_a_close_of_the_store_comes_between_moves(both: list[Any]) -> None:
    for store in both:
        cursor = store.cursor()
        ended: list[type] = []

        def move(cursor: Any = cursor, ended: list[type] = ended) -> None:
            try:
                while True:
                    if not cursor.next():
                        cursor.first()
            except ClosedError as error:
                ended.append(type(error))

        thread = threading.Thread(target=move)
        thread.start()
        store.close()
        thread.join()
        assert ended == [ClosedError]
