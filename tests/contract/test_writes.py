"""Writes of many items, batches, and compare-and-set."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pykv.errors import ClosedError
from tests.contract.conftest import Subject

Pairs = Iterator[tuple[bytes, bytes]]


def numbered(count: int, value: bytes = b"v") -> Pairs:
    return ((b"%06d" % number, value) for number in range(count))


class StopHereError(Exception):
    pass


def raising_after(count: int, value: bytes = b"v") -> Pairs:
    yield from numbered(count, value)
    raise StopHereError


def test_every_write_returns_none(db: Any) -> None:
    assert db.put(b"k", b"v") is None
    assert db.put(b"k", b"v", sync=True) is None
    assert db.put(b"k", b"v", sync=False) is None
    assert db.delete(b"k", sync=True) is None
    assert db.put_many([(b"k", b"v")], sync=True) is None
    assert db.delete_many([b"k"], sync=False) is None
    assert db.update({b"k": b"v"}) is None
    assert db.clear() is None


@pytest.mark.parametrize("atomic", [False, True])
def test_the_last_of_equal_keys_wins(db: Any, atomic: bool) -> None:
    db.put_many([(b"k", b"1"), (b"j", b"x"), (b"k", b"2"), (b"k", b"3")], atomic=atomic)
    assert dict(db.items()) == {b"k": b"3", b"j": b"x"}
    with db.batch() as batch:
        batch.put(b"k", b"4")
        batch.delete(b"k")
        batch.delete(b"j")
        batch.put(b"j", b"5")
    assert dict(db.items()) == {b"j": b"5"}


def test_what_follows_the_first_arguments_is_a_keyword(db: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: db.put(b"k", b"v", True),
        lambda: db.delete(b"k", True),
        lambda: db.put_many([(b"k", b"v")], True),
        lambda: db.delete_many([b"k"], True),
        lambda: db.put_if_absent(b"k", b"v", True),
        lambda: db.compare_and_set(b"k", None, b"v", True),
        lambda: db.batch(True),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert list(db) == []


def test_an_unknown_keyword_is_a_type_error(db: Any) -> None:
    for call in (db.put, db.setdefault, db.put_if_absent):
        with pytest.raises(TypeError):
            call(b"k", b"v", snyc=True)
    assert list(db) == []


def test_put_many_takes_any_iterable(db: Any) -> None:
    db.put_many([])
    db.put_many(iter([(b"a", b"1")]))
    db.put_many({b"b": b"2"}.items())
    db.put_many([[b"c", b"3"]])
    db.put_many(numbered(3_500))
    assert len(db) == 3_503


@pytest.mark.parametrize("bad", [b"ab", b"abc", (b"a",), (b"a", b"b", b"c"), 5, None])
@pytest.mark.parametrize("atomic", [False, True])
def test_an_item_that_is_no_pair_of_bytes_is_a_type_error(
    db: Any, bad: object, atomic: bool
) -> None:
    with pytest.raises(TypeError):
        db.put_many([(b"k", b"v"), bad], atomic=atomic)
    assert list(db) == []


def test_an_iterable_that_raises_keeps_the_chunks_before_it(db: Any) -> None:
    with pytest.raises(StopHereError):
        db.put_many(raising_after(2_500))
    assert sorted(db) == [key for key, _ in numbered(2_000)]


def test_a_wrong_item_keeps_the_chunks_before_it(db: Any) -> None:
    items = [*numbered(1_500), (b"key", "text")]
    with pytest.raises(TypeError, match="encode"):
        db.put_many(items)
    assert sorted(db) == [key for key, _ in numbered(1_000)]


def test_a_chunk_ends_at_4_mib(db: Any) -> None:
    value = bytes(1 << 20)
    with pytest.raises(StopHereError):
        db.put_many(raising_after(10, value))
    # Four values and their keys are over 4 MiB, so chunks hold three.
    assert sorted(db) == [key for key, _ in numbered(9)]


def test_an_atomic_put_many_that_raises_keeps_nothing(db: Any) -> None:
    with pytest.raises(StopHereError):
        db.put_many(raising_after(2_500), atomic=True)
    assert list(db) == []
    db.put_many(numbered(2_500), atomic=True)
    assert len(db) == 2_500


def test_an_iterable_may_use_the_store(db: Any) -> None:
    db.put_many(numbered(1_200))
    db.put_many((key, db[key] + b"!") for key in db)
    assert set(db.values()) == {b"v!"}
    db.delete_many(key for key in db if db[key] == b"v!")
    assert len(db) == 0


def test_get_many_gives_values_in_the_order_of_the_keys(db: Any) -> None:
    db.put_many([(b"a", b"1"), (b"c", b"3")])
    assert db.get_many([b"c", b"b", b"a", b"c"]) == [b"3", None, b"1", b"3"]
    assert db.get_many((b"a", b"b"), b"d") == [b"1", b"d"]
    assert db.get_many(iter([b"a"])) == [b"1"]
    assert db.get_many([]) == []
    assert db.get_many([b"b"], default=5) == [5]
    many = [b"%06d" % number for number in range(5_000)]
    db.put_many((key, key) for key in many[::2])
    assert db.get_many(many) == [key if i % 2 == 0 else None for i, key in enumerate(many)]


def test_get_many_passes_on_what_its_iterable_raises(db: Any) -> None:
    with pytest.raises(StopHereError):
        db.get_many(key for key, _ in raising_after(5))


def test_delete_many_is_silent_about_missing_keys(db: Any) -> None:
    db.put_many(numbered(2_500))
    db.delete_many([b"absent", *(key for key, _ in numbered(2_400)), b"absent"])
    assert sorted(db) == [key for key, _ in list(numbered(2_500))[2_400:]]
    db.delete_many(iter(list(db)))
    assert len(db) == 0


def test_delete_many_keeps_the_chunks_before_what_raises(db: Any) -> None:
    db.put_many(numbered(2_500))
    with pytest.raises(StopHereError):
        db.delete_many(key for key, _ in raising_after(1_500))
    assert len(db) == 1_500


NO_ROWS = np.empty(0, "V1")

# Calls that write nothing in a store that has the key b"k" alone. The features they need.
WRITES_OF_NOTHING: dict[str, tuple[str, Callable[[Any], object]]] = {
    "put_many": ("", lambda db: db.put_many([], sync=True)),
    "put_many atomic": ("batch", lambda db: db.put_many([], sync=True, atomic=True)),
    "delete_many": ("", lambda db: db.delete_many([], sync=True)),
    "delete": ("", lambda db: db.delete(b"absent", sync=True)),
    "put_arrays": ("", lambda db: db.put_arrays(NO_ROWS, NO_ROWS, sync=True)),
    "delete_arrays": ("", lambda db: db.delete_arrays(NO_ROWS, sync=True)),
    "put_if_absent": ("cas", lambda db: db.put_if_absent(b"k", b"w", sync=True)),
    "compare_and_set": ("cas", lambda db: db.compare_and_set(b"k", b"w", b"x", sync=True)),
    "touch": ("ttl", lambda db: db.touch(b"absent", None, sync=True)),
    "batch": ("batch", lambda db: db.batch(sync=True).__enter__().__exit__(None, None, None)),
    "delete_range": ("order", lambda db: db.delete_range(b"l", b"a", sync=True)),
    "delete_range too long": ("order", lambda db: db.delete_range(bytes(1 << 17), b"", sync=True)),
    "batch of a range": ("order", lambda db: delete_no_range(db)),
}


def delete_no_range(db: Any) -> None:
    with db.batch(sync=True) as batch:
        batch.delete_range(b"l", b"l")


@pytest.mark.parametrize("call", WRITES_OF_NOTHING)
def test_a_write_of_nothing_syncs_what_was_written(subject: Subject, db: Any, call: str) -> None:
    """Some calls returned without the sync that they were asked for, as they had no rows."""
    feature, write = WRITES_OF_NOTHING[call]
    if feature and feature not in subject.features:
        pytest.skip(f"it has no {feature}")
    db[b"k"] = b"v"
    write(db)
    assert dict(db.items()) == {b"k": b"v"}
    stats = db.stats()
    if "synced_seq" in stats:
        assert stats["synced_seq"] == stats["last_seq"]


@pytest.mark.needs("cas")
class TestCompareAndSet:
    def test_put_if_absent_sets_a_missing_key_only(self, db: Any) -> None:
        assert db.put_if_absent(b"k", b"v") is True
        assert db.put_if_absent(b"k", b"w") is False
        assert db.put_if_absent(b"k", b"w", sync=True) is False
        assert db[b"k"] == b"v"

    def test_it_sets_only_over_the_expected_value(self, db: Any) -> None:
        db[b"k"] = b"1"
        assert db.compare_and_set(b"k", b"1", b"2") is True
        assert db.compare_and_set(b"k", b"1", b"3") is False
        assert db.compare_and_set(b"k", b"2 and more", b"3") is False
        assert db[b"k"] == b"2"
        assert db.compare_and_set(b"absent", b"1", b"2") is False
        assert b"absent" not in db

    def test_none_expects_an_absent_key(self, db: Any) -> None:
        assert db.compare_and_set(b"k", None, b"1", sync=True) is True
        assert db.compare_and_set(b"k", None, b"2") is False
        assert db[b"k"] == b"1"

    def test_none_as_the_value_deletes(self, db: Any) -> None:
        db[b"k"] = b"1"
        assert db.compare_and_set(b"k", b"0", None) is False
        assert db.compare_and_set(b"k", b"1", None) is True
        assert b"k" not in db
        assert db.compare_and_set(b"k", None, None) is True
        assert b"k" not in db

    def test_an_empty_value_is_not_an_absent_key(self, db: Any) -> None:
        db[b"k"] = b""
        assert db.compare_and_set(b"k", None, b"1") is False
        assert db.compare_and_set(b"k", b"", b"1") is True
        assert db.compare_and_set(b"other", b"", b"1") is False

    def test_expected_and_value_may_be_any_bytes_like(self, db: Any) -> None:
        db[b"k"] = b"1"
        assert db.compare_and_set(bytearray(b"k"), memoryview(b"1"), bytearray(b"2")) is True
        with pytest.raises(TypeError, match="encode"):
            db.compare_and_set(b"k", "2", b"3")
        assert db[b"k"] == b"2"


@pytest.mark.needs("batch")
class TestBatch:
    def test_nothing_is_visible_before_the_block_ends(self, db: Any) -> None:
        db[b"old"] = b"1"
        with db.batch() as batch:
            batch.put(b"new", b"2")
            batch.delete(b"old")
            assert len(batch) == 2
            assert dict(db.items()) == {b"old": b"1"}
        assert dict(db.items()) == {b"new": b"2"}

    def test_an_exception_discards_it_and_goes_on(self, db: Any) -> None:
        db[b"old"] = b"1"

        def write() -> None:
            with db.batch() as batch:
                batch.put(b"new", b"2")
                batch.delete(b"old")
                raise StopHereError

        with pytest.raises(StopHereError):
            write()
        assert dict(db.items()) == {b"old": b"1"}

    def test_a_refused_write_in_the_block_leaves_the_others(self, db: Any) -> None:
        with db.batch() as batch:
            batch.put(b"a", b"1")
            with pytest.raises(TypeError, match="encode"):
                batch.put(b"b", "text")
            batch.put(b"c", b"3")
        assert dict(db.items()) == {b"a": b"1", b"c": b"3"}

    def test_it_counts_its_writes(self, db: Any) -> None:
        with db.batch() as batch:
            assert len(batch) == 0
            assert batch
            batch.put(b"a", b"1")
            batch.put(b"a", b"2")
            batch.delete(b"b")
            assert len(batch) == 3
        assert len(batch) == 3

    def test_an_empty_one_is_fine(self, db: Any) -> None:
        with db.batch(sync=True):
            pass
        assert list(db) == []

    def test_it_takes_writes_only_inside_its_block(self, db: Any) -> None:
        batch = db.batch()
        with pytest.raises(ClosedError, match="block"):
            batch.put(b"a", b"1")
        with batch:
            batch.put(b"b", b"2")
        with pytest.raises(ClosedError, match="block"):
            batch.put(b"c", b"3")
        with pytest.raises(ClosedError, match="block"):
            batch.delete(b"b")
        assert dict(db.items()) == {b"b": b"2"}

    def test_it_is_used_once(self, db: Any) -> None:
        batch = db.batch()
        with batch:
            pass
        with pytest.raises(ClosedError, match="one with block"):
            batch.__enter__()

    def test_two_at_a_time_are_independent(self, db: Any) -> None:
        with db.batch() as first, db.batch() as second:
            first.put(b"k", b"first")
            second.put(b"k", b"second")
            second.put(b"j", b"second")
        assert dict(db.items()) == {b"k": b"first", b"j": b"second"}

    def test_a_large_one_is_whole(self, db: Any) -> None:
        with db.batch(sync=False) as batch:
            for key, value in numbered(20_000):
                batch.put(key, value)
        assert len(db) == 20_000

    def test_one_over_a_store_closed_meanwhile_raises(self, db: Any) -> None:
        batch = db.batch()
        batch.__enter__()
        batch.put(b"k", b"v")
        db.close()
        with pytest.raises(ClosedError):
            batch.__exit__(None, None, None)

    def test_it_shows_its_state(self, db: Any) -> None:
        with db.batch() as batch:
            batch.put(b"k", b"v")
            assert "1 writes, open" in repr(batch)
        assert "1 writes, closed" in repr(batch)
