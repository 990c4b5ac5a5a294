"""Stores with order: ranges, directions, neighbours. Stores without: what they refuse."""

import random
from collections.abc import Callable
from typing import Any

import pytest

import pykv
from pykv.errors import NotSupportedError
from pykv.store import OrderedStore

ordered = pytest.mark.needs("order")
unordered = pytest.mark.lacks("order")

KEYS = [b"", b"\0", b"\0\0", b"a", b"a\0", b"aa", b"ab", b"a\xff", b"a\xff\xff", b"b", b"\xfe",
        b"\xff", b"\xff\0", b"\xff\xff"]  # fmt: skip
BOUNDS = [None, *KEYS, b"a\xff\xff\0", b"c", b"\xff" * 9]


@pytest.fixture
def alphabet(db: Any) -> Any:
    db.put_many((key, b"<" + key + b">") for key in reversed(KEYS))
    return db


@ordered
def test_rows_come_in_byte_order(alphabet: Any) -> None:
    assert list(alphabet) == KEYS == sorted(KEYS)
    assert list(alphabet.scan(reverse=True)) == list(alphabet.scan())[::-1]


@ordered
@pytest.mark.parametrize("reverse", [False, True])
def test_a_range_is_from_start_up_to_stop(alphabet: Any, reverse: bool) -> None:
    for start in BOUNDS:
        for stop in BOUNDS:
            inside = [
                key
                for key in KEYS
                if (start is None or key >= start) and (stop is None or key < stop)
            ]
            shown = list(alphabet.scan_keys(start, stop, reverse=reverse))
            assert shown == (inside[::-1] if reverse else inside)
            assert alphabet.count(start, stop) == len(inside)


@ordered
def test_a_prefix_intersects_with_the_range(alphabet: Any) -> None:
    for prefix in (b"", b"a", b"a\xff", b"\xff", b"\xff\xff", b"zz"):
        for start, stop in [(None, None), (b"a\0", None), (None, b"ab"), (b"ab", b"a")]:
            inside = [
                key
                for key in KEYS
                if key.startswith(prefix)
                and (start is None or key >= start)
                and (stop is None or key < stop)
            ]
            assert list(alphabet.scan_keys(start, stop, prefix=prefix)) == inside
            assert (
                list(alphabet.scan_keys(start, stop, prefix=prefix, reverse=True)) == inside[::-1]
            )
            assert alphabet.count(start, stop, prefix=prefix) == len(inside)


@ordered
def test_a_limit_counts_from_the_side_that_comes_first(alphabet: Any) -> None:
    for limit in range(len(KEYS) + 2):
        assert list(alphabet.scan_keys(limit=limit)) == KEYS[:limit]
        assert list(alphabet.scan_keys(reverse=True, limit=limit)) == KEYS[::-1][:limit]
        assert (
            list(alphabet.scan_keys(b"a", b"b", limit=limit))
            == [key for key in KEYS if b"a" <= key < b"b"][:limit]
        )


@ordered
def test_first_and_last_are_the_ends(alphabet: Any) -> None:
    assert alphabet.first() == (b"", b"<>")
    assert alphabet.last() == (b"\xff\xff", b"<\xff\xff>")
    alphabet.clear()
    assert alphabet.first() is None
    assert alphabet.last() is None


@ordered
def test_floor_and_ceiling_are_the_neighbours(alphabet: Any) -> None:
    del alphabet[b""]
    keys = KEYS[1:]
    for key in [*KEYS, b"b\0", b"c", b"\xff" * 9]:
        below = [each for each in keys if each <= key]
        above = [each for each in keys if each >= key]
        floor, ceiling = alphabet.floor(key), alphabet.ceiling(key)
        assert floor == ((below[-1], b"<" + below[-1] + b">") if below else None)
        assert ceiling == ((above[0], b"<" + above[0] + b">") if above else None)


@ordered
def test_delete_range_removes_what_a_scan_shows(db: Any, rng: random.Random) -> None:
    rows = {b"%04d" % number: b"v" for number in range(1_500)}
    db.update(rows)
    for _ in range(60):
        start, stop = (rng.choice([None, b"%04d" % rng.randrange(1_500)]) for _ in range(2))
        gone = set(db.scan_keys(start, stop))
        before = set(db)
        assert db.delete_range(start, stop) is None
        assert set(db) == before - gone
        if len(db) < 200:
            db.update(rows)


@ordered
def test_delete_range_backwards_does_nothing(alphabet: Any) -> None:
    for start, stop in [(b"b", b"a"), (b"a", b"a"), (b"\xff", b"")]:
        alphabet.delete_range(start, stop)
        with alphabet.batch() as batch:
            batch.delete_range(start, stop)
    assert list(alphabet) == KEYS


@pytest.mark.needs("long_keys")
@ordered
def test_bounds_of_delete_range_may_be_longer_than_a_key(db: Any) -> None:
    longest = b"m" * 65_535
    for start, stop, gone in [
        (longest + b"a", None, [b"n"]),
        (None, longest + b"a", [b"a", longest]),
        (longest, longest + b"a", [longest]),
        (longest + b"a", longest + b"b", []),
        (b"\xff" * 70_000, None, []),
        (None, b"\xff" * 70_000, [b"a", longest, b"n"]),
    ]:
        db.update({b"a": b"1", longest: b"2", b"n": b"3"})
        db.delete_range(start, stop)
        assert sorted({b"a", longest, b"n"} - set(db)) == gone


@ordered
def test_a_batch_deletes_a_range_in_its_turn(alphabet: Any) -> None:
    with alphabet.batch() as batch:
        batch.put(b"a1", b"before")
        batch.delete_range(b"a", b"b")
        batch.put(b"a2", b"after")
        assert len(batch) == 3
    assert [key for key in alphabet if key.startswith(b"a")] == [b"a2"]


@ordered
def test_bounds_are_bytes_like(alphabet: Any) -> None:
    assert list(alphabet.scan_keys(bytearray(b"aa"), memoryview(b"a\xff"))) == [b"aa", b"ab"]
    for bad in ({"start": "a"}, {"stop": "a"}, {"prefix": "a"}, {"start": 5}):
        with pytest.raises(TypeError, match="must be bytes-like"):
            alphabet.scan(**bad)
        with pytest.raises(TypeError, match="must be bytes-like"):
            alphabet.count(**bad)
    with pytest.raises(TypeError, match="encode"):
        alphabet.delete_range("a", "b")


@ordered
def test_a_backward_scan_shows_one_moment_too(db: Any) -> None:
    rows = {b"%04d" % number: b"v" for number in range(2_000)}
    db.update(rows)
    scan = db.scan(b"0100", reverse=True)
    begun = [next(scan) for _ in range(700)]
    db.delete_range(b"0500", b"1500")
    db[b"0200"] = b"changed"
    assert [*begun, *scan] == sorted(rows.items(), reverse=True)[:1_900]


@ordered
def test_an_ordered_store_says_so(db: Any) -> None:
    assert pykv.supports(db, "order")
    assert isinstance(db, OrderedStore)
    assert db.key_order == "bytes"


@unordered
def test_a_store_without_order_says_so(db: Any) -> None:
    assert not pykv.supports(db, "order")
    assert not isinstance(db, OrderedStore)


ORDER_CALLS: dict[str, Callable[[Any], object]] = {
    "start": lambda db: db.scan(b"a"),
    "stop": lambda db: db.scan(stop=b"a"),
    "prefix": lambda db: db.scan(prefix=b"a"),
    "empty prefix": lambda db: db.scan(prefix=b""),
    "reverse": lambda db: db.scan(reverse=True),
    "keys from start": lambda db: db.scan_keys(b"a"),
    "values with prefix": lambda db: db.scan_values(prefix=b"a"),
    "count from start": lambda db: db.count(b"a"),
    "count up to stop": lambda db: db.count(None, b"a"),
    "count of prefix": lambda db: db.count(prefix=b"a"),
    "first": lambda db: db.first(),
    "last": lambda db: db.last(),
    "floor": lambda db: db.floor(b"a"),
    "ceiling": lambda db: db.ceiling(b"a"),
    "delete_range": lambda db: db.delete_range(b"a", b"b"),
    "compact a range": lambda db: db.compact(b"a", b"b"),
}


@unordered
@pytest.mark.parametrize("call", ORDER_CALLS)
def test_what_needs_order_is_not_supported(db: Any, call: str) -> None:
    db[b"a"] = b"1"
    with pytest.raises(NotSupportedError, match="order"):
        ORDER_CALLS[call](db)
    assert dict(db.items()) == {b"a": b"1"}


@unordered
def test_a_batch_without_order_refuses_a_range(db: Any) -> None:
    with db.batch() as batch:
        batch.put(b"k", b"v")
        with pytest.raises(NotSupportedError, match="order"):
            batch.delete_range(b"a", b"b")
    assert list(db) == [b"k"]


@unordered
def test_scans_without_order_work_where_none_is_asked(db: Any) -> None:
    db.update({b"a": b"1", b"b": b"2"})
    assert dict(db.scan(None, None, prefix=None, reverse=False)) == {b"a": b"1", b"b": b"2"}
    assert db.count(None, None, prefix=None) == 2
    db.compact(None, None)
