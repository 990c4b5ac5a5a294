"""Cursors: a place among the rows of one moment, moved in both directions."""

import bisect
import random
from collections.abc import Callable
from typing import Any

import pytest

import pykv
from pykv.errors import ClosedError, NotSupportedError

ordered = pytest.mark.needs("order")

KEYS = [b"", b"a", b"a\0", b"ab", b"a\xff", b"b", b"b\0\0", b"c", b"\xff", b"\xff\xff"]
PROBES = [*KEYS, b"aa", b"b\0", b"zz", b"\xff\xff\xff"]


@pytest.fixture
def filled(db: Any) -> Any:
    db.put_many((key, b"<" + key + b">") for key in KEYS)
    return db


class Model:
    """What a cursor is to do: a place in a sorted list, -1 before it, its length behind it."""

    def __init__(self, keys: list[bytes]) -> None:
        self.keys = keys
        self.at = -1

    def _to(self, at: int) -> bool:
        self.at = min(max(at, -1), len(self.keys))
        return 0 <= self.at < len(self.keys)

    def first(self) -> bool:
        return self._to(0)

    def last(self) -> bool:
        return self._to(len(self.keys) - 1)

    def next(self) -> bool:
        return self._to(self.at + 1)

    def prev(self) -> bool:
        return self._to(self.at - 1)

    def seek(self, key: bytes) -> bool:
        return self._to(bisect.bisect_left(self.keys, key))

    def seek_back(self, key: bytes) -> bool:
        return self._to(bisect.bisect_right(self.keys, key) - 1)


def wander(cursor: Any, model: Model, seed: int, moves: int) -> None:
    """Makes the same random moves with both and compares where they stand."""
    chance = random.Random(seed)
    for _ in range(moves):
        name = chance.choice(["next"] * 3 + ["prev"] * 3 + ["first", "last", "seek", "seek_back"])
        arguments = [chance.choice(PROBES)] if name.startswith("seek") else []
        found = getattr(cursor, name)(*arguments)
        assert found is getattr(model, name)(*arguments), (name, arguments)
        if found:
            key = model.keys[model.at]
            assert (cursor.key, cursor.value) == (key, b"<" + key + b">")
        else:
            with pytest.raises(IndexError):
                cursor.key  # noqa: B018


@ordered
@pytest.mark.parametrize("bounds", [{}, {"start": b"a\0", "stop": b"c"}, {"prefix": b"a"},
                                    {"start": b"x", "stop": b"y"}])  # fmt: skip
def test_it_stands_where_a_sorted_list_says(filled: Any, bounds: dict[str, bytes]) -> None:
    keys = list(filled.scan_keys(**bounds))
    kept = filled.snapshot() if pykv.supports(filled, "snapshot") else filled
    for seed, reader in enumerate((filled, kept)):
        with reader.cursor(**bounds) as cursor:
            wander(cursor, Model(keys), seed, 200)
    if kept is not filled:
        kept.close()


@ordered
def test_it_sees_the_moment_it_was_made(filled: Any) -> None:
    with filled.cursor() as cursor:
        assert cursor.seek(b"b")
        filled.clear()
        filled.put_many((b"new%d" % i, b"") for i in range(100))
        filled.compact()
        assert cursor.first()
        assert not cursor.prev()
        wander(cursor, Model(KEYS), 1, 50)
        assert not filled.cursor(stop=b"n").next()


@ordered
def test_a_walk_over_many_rows_turns_where_it_is_told(db: Any) -> None:
    keys = [b"%06d" % i for i in range(3_000)]
    db.put_many((key, b"v" * 50) for key in keys)
    with db.cursor() as cursor:
        assert [cursor.key for _ in keys if cursor.next()] == keys
        assert not cursor.next()
        assert [cursor.key for _ in keys if cursor.prev()] == keys[::-1]
        assert not cursor.prev()
        for stop in (1, 2, 7, 500, 2_999):
            assert cursor.first()
            for _ in range(stop):
                assert cursor.next()
            assert [cursor.prev(), cursor.key] == [True, keys[stop - 1]]
            assert [cursor.next(), cursor.key] == [True, keys[stop]]


@ordered
def test_off_the_rows_there_is_no_key_and_no_value(filled: Any) -> None:
    with filled.cursor() as cursor:
        for _ in range(2):
            with pytest.raises(IndexError, match="no row"):
                cursor.key  # noqa: B018
            with pytest.raises(IndexError, match="no row"):
                cursor.value  # noqa: B018
            cursor.last()
            cursor.next()


@ordered
def test_a_closed_one_refuses_and_closing_again_is_silent(filled: Any) -> None:
    cursor = filled.cursor()
    assert cursor.first()
    cursor.close()
    cursor.close()
    calls: list[Callable[[], object]] = [
        cursor.next, cursor.first, lambda: cursor.key, lambda: cursor.seek(b"a"), cursor.__enter__
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(ClosedError, match="cursor"):
            call()


@ordered
@pytest.mark.needs("snapshot")
def test_it_outlives_its_store_and_its_snapshot(make_store: Any) -> None:
    db = make_store()
    db.put_many((key, b"") for key in KEYS)
    with db.snapshot() as kept:
        cursors = [db.cursor(), kept.cursor()]
    assert cursors[0].first()
    db.close()
    for cursor in cursors:
        with pytest.raises(ClosedError):
            cursor.next()
        with pytest.raises(ClosedError):
            cursor.key  # noqa: B018
        cursor.close()
    with pytest.raises(ClosedError):
        db.cursor()


@ordered
def test_wrong_arguments_are_refused(filled: Any) -> None:
    with filled.cursor() as cursor:
        for wrong in ("text", 7, None):
            with pytest.raises(TypeError):
                cursor.seek(wrong)
        assert cursor.seek(bytearray(b"b"))
        with pytest.raises(pykv.KeyTooLargeError):
            cursor.seek_back(b"k" * 65_536)
    with pytest.raises(TypeError):
        filled.cursor("a")


@pytest.mark.lacks("order")
def test_without_order_there_is_none(db: Any) -> None:
    with pytest.raises(NotSupportedError, match="cursor needs an ordered store"):
        db.cursor()
