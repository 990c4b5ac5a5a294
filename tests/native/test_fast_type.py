"""The type in C beside its plain twin: the same attributes, arguments, results and errors."""

import array
import ctypes
import inspect
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pykv._native import SCAN_KEYS, SCAN_ROWS, SCAN_VALUES
from pykv.engine.mapping import StoreBase as MappingBase
from tests.native.fast_stores import (
    ONLY_PLAIN,
    PATHS,
    base_of,
    bound,
    needs_fast,
    open_over,
    outcome,
    run_python,
    snapshot_base_of,
)

pytestmark = needs_fast

ITEM_METHODS = {"__contains__", "__delitem__", "__getitem__", "__setitem__"}
ONLY_FAST = {"put_many", "delete_many"}
Pair = namedtuple("Pair", "key value")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[list[Any]]:
    """A store over the fast path and one over the plain one."""
    stores = [open_over(path, tmp_path / path) for path in PATHS]
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def fast(both: list[Any]) -> Any:
    return both[0]


def names_of(base: type) -> set[str]:
    names = {name for each in base.__mro__ for name in vars(each)}
    return {name for name in names if not name.startswith("__") or name in ITEM_METHODS}


# ---- the type ----


def test_it_has_the_attributes_of_its_twin_and_two_more() -> None:
    plain = names_of(base_of("plain")) - ONLY_PLAIN
    assert names_of(base_of("fast")) == plain | ONLY_FAST


def test_that_of_snapshots_has_the_attributes_of_its_twin() -> None:
    fast = snapshot_base_of("fast")
    assert names_of(fast) == names_of(snapshot_base_of("plain")) - ONLY_PLAIN


@pytest.mark.parametrize("name", ["get", "get_many", "put", "put_many", "delete", "delete_many"])
def test_a_method_takes_what_its_twin_takes(name: str) -> None:
    twin = MappingBase if name in ONLY_FAST else base_of("plain")
    mine, its = (
        [(each.name, each.kind, each.default) for each in parameters.values()][1:]
        for base in (base_of("fast"), twin)
        for parameters in [inspect.signature(getattr(base, name)).parameters]
    )
    assert mine == its


def test_the_environment_chooses_the_plain_path() -> None:
    code = (
        "import sys, pykv._native as n;"
        "print(n.StoreBase.__module__, 'pykv._native._fast' in sys.modules)"
    )
    assert run_python(code, PYKV_FASTPATH="0") == "pykv._native._plain False"
    assert run_python(code, PYKV_FASTPATH="1") == "pykv._native._fast True"


def test_an_object_without_a_store_is_an_attribute_error() -> None:
    empty = base_of("fast")()
    for call in (
        lambda: empty.get(b"k"),
        lambda: empty[b"k"],
        lambda: b"k" in empty,
        lambda: empty.get_many([b"k"]),
        lambda: empty.put(b"k", b"v"),
        lambda: empty.__setitem__(b"k", b"v"),
        lambda: empty.put_many([]),
        lambda: empty.delete(b"k"),
        lambda: empty.__delitem__(b"k"),
        lambda: empty.delete_many([]),
        lambda: empty._discard(b"k", None),
        lambda: empty._scan(SCAN_ROWS, -1),
    ):
        with pytest.raises(AttributeError, match="no store"):
            call()


def test_a_store_is_bound_once(tmp_path: Path) -> None:
    store = bound(tmp_path)
    with pytest.raises(ValueError, match="once"):
        store._bind(1, None, 1)
    empty = base_of("fast")()
    with pytest.raises(ValueError, match="address"):
        empty._bind(0, None, 1)
    with pytest.raises(TypeError):
        empty._bind("address", None, 1)
    with pytest.raises(TypeError):
        empty._bind(1)


# ---- arguments ----

CALLS: dict[str, Callable[[Any], object]] = {
    "get by name": lambda db: db.get(default=b"d", key=b"absent"),
    "get of both": lambda db: db.get(b"absent", default=b"d"),
    "get_many by name": lambda db: db.get_many(keys=[b"k", b"absent"], default=7),
    "put by name": lambda db: db.put(value=b"w", key=b"k", sync=False),
    "put_many by name": lambda db: db.put_many(items=[(b"k", b"w")], atomic=True, sync=False),
    "delete by name": lambda db: db.delete(key=b"k", sync=None),
    "delete_many by name": lambda db: db.delete_many(keys=[b"k"], sync=True),
    "truth of sync": lambda db: db.put(b"k", b"v", sync=[]),
    "truth of atomic": lambda db: db.put_many([(b"k", b"v")], atomic="yes"),
    "discard": lambda db: (db._discard(b"k", None), db._discard(b"k", True)),
    "scan of all": lambda db: list(db._scan(SCAN_ROWS, -1)),
}

WRONG_CALLS: dict[str, Callable[[Any], object]] = {
    "get of nothing": lambda db: db.get(),
    "get of three": lambda db: db.get(b"k", None, None),
    "get twice": lambda db: db.get(b"k", key=b"k"),
    "get unknown": lambda db: db.get(b"k", defualt=None),
    "put of one": lambda db: db.put(b"k"),
    "put of three": lambda db: db.put(b"k", b"v", True),
    "put unknown": lambda db: db.put(b"k", b"v", snyc=True),
    "put by other name": lambda db: db.put(b"k", data=b"v"),
    "put_many of two": lambda db: db.put_many([], True),
    "put_many of nothing": lambda db: db.put_many(atomic=True),
    "delete of two": lambda db: db.delete(b"k", True),
    "delete_many of two": lambda db: db.delete_many([], True),
    "discard of one": lambda db: db._discard(b"k"),
    "scan of one": lambda db: db._scan(0),
    "scan of six": lambda db: db._scan(0, -1, None, None, False, None),
    "scan from a number": lambda db: db._scan(0, -1, 5, None, False),
    "scan to a text": lambda db: db._scan(0, -1, None, "z", False),
}


@pytest.mark.parametrize("call", CALLS)
def test_arguments_may_be_named_as_of_its_twin(both: list[Any], call: str) -> None:
    for db in both:
        db[b"k"] = b"v"
    mine, its = (outcome(CALLS[call], db) for db in both)
    assert mine == its
    assert mine[0] == "returned"
    assert dict(both[0].items()) == dict(both[1].items())


@pytest.mark.parametrize("call", WRONG_CALLS)
def test_a_wrong_call_is_a_type_error(both: list[Any], call: str) -> None:
    for db in both:
        with pytest.raises(TypeError):
            WRONG_CALLS[call](db)
        assert list(db) == []


class RefusesTruth:
    def __bool__(self) -> bool:
        raise ZeroDivisionError


def test_a_flag_without_truth_raises_before_anything_is_written(fast: Any) -> None:
    calls: list[Callable[[object], object]] = [
        lambda flag: fast.put(b"k", b"v", sync=flag),
        lambda flag: fast.delete(b"k", sync=flag),
        lambda flag: fast.put_many([(b"k", b"v")], sync=flag),
        lambda flag: fast.put_many([(b"k", b"v")], atomic=flag),
        lambda flag: fast.delete_many([b"k"], sync=flag),
    ]
    for call in calls:
        with pytest.raises(ZeroDivisionError):
            call(RefusesTruth())
    assert fast.last_seq == 0


# ---- bytes ----

ODD_BYTES: dict[str, Any] = {
    "str": "text",
    "surrogate str": "\ud800",
    "int": 5,
    "None": None,
    "list": [1],
    "too long": bytes(65_536),
    "too long bytearray": bytearray(65_536),
    "array of unsigned": array.array("B", b"k"),
    "array of signed": array.array("b", b"k"),
    "array of int": array.array("i", [1]),
    "array of c_ubyte": (ctypes.c_ubyte * 2)(1, 2),
    "cast to char": memoryview(b"ab").cast("c"),
    "of no dimension": np.array(5, dtype=np.uint8),
    "of two dimensions": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "by columns": np.arange(6, dtype=np.uint8).reshape(2, 3).T,
    "strided": np.arange(6, dtype=np.uint8)[::2],
    "of floats": np.array([1.0]),
    "empty array": np.array([], dtype=np.uint8),
    "released": None,
}
with memoryview(b"ab") as released:
    ODD_BYTES["released"] = released


@pytest.mark.parametrize("kind", ODD_BYTES)
def test_odd_bytes_are_taken_or_refused_with_the_same_words(both: list[Any], kind: str) -> None:
    odd = ODD_BYTES[kind]
    for call in (
        lambda db: db.get(odd),
        lambda db: db[odd],
        lambda db: odd in db,
        lambda db: db.get_many([b"k", odd]),
        lambda db: db.put(odd, b"v"),
        lambda db: db.put(b"k", odd),
        lambda db: db.put_many([(odd, b"v")]),
        lambda db: db.put_many([(b"k", odd)], atomic=True),
        lambda db: db.delete_many([b"k", odd]),
        lambda db: db.delete(odd),
    ):
        mine, its = (outcome(call, db) for db in both)
        assert repr(mine) == repr(its)
    assert dict(both[0].items()) == dict(both[1].items())


def test_a_key_error_holds_the_key_that_was_asked_for(fast: Any) -> None:
    key = bytearray(b"absent")
    with pytest.raises(KeyError) as caught:
        fast[key]
    assert caught.value.args[0] is key
    with pytest.raises(KeyError) as caught:
        del fast[key]
    assert caught.value.args[0] is key


# ---- many ----


def two_and_raise() -> Iterator[bytes]:
    yield from (b"a", b"b")
    raise ValueError("in the middle")


def no_end() -> Iterator[bytes]:
    while True:
        yield b"x"


class RaisesInItem:
    def __iter__(self) -> Iterator[bytes]:
        yield b"a"
        raise ZeroDivisionError("in the item")


ODD_ITEMS: dict[str, Callable[[], Any]] = {
    "list": lambda: [b"a", b"b"],
    "named tuple": lambda: Pair(b"a", b"b"),
    "generator": lambda: (part for part in (b"a", b"b")),
    "dict of two": lambda: {b"a": 1, b"b": 2},
    "bytearrays": lambda: (bytearray(b"a"), bytearray(b"b")),
    "one": lambda: (b"a",),
    "three": lambda: (b"a", b"b", b"c"),
    "list of three": lambda: [b"a", b"b", b"c"],
    "without end": no_end,
    "raises a value error": two_and_raise,
    "raises another error": RaisesInItem,
    "bytes": lambda: b"ab",
    "str": lambda: "ab",
    "None": lambda: None,
    "value is no bytes": lambda: (b"a", 1),
    "key is str": lambda: ("a", b"b"),
}


@pytest.mark.parametrize("kind", ODD_ITEMS)
@pytest.mark.parametrize("atomic", [False, True])
def test_odd_items_are_taken_or_refused_with_the_same_words(
    both: list[Any], kind: str, atomic: bool
) -> None:
    def call(db: Any) -> None:
        db.put_many([(b"k", b"v"), ODD_ITEMS[kind]()], atomic=atomic)

    mine, its = (outcome(call, db) for db in both)
    assert mine == its
    assert dict(both[0].items()) == dict(both[1].items())


@pytest.mark.parametrize("items", [5, None, b"ab", {b"ab": b"v"}, {b"k": b"v"}.items()])
def test_odd_iterables_are_taken_or_refused_with_the_same_words(
    both: list[Any], items: Any
) -> None:
    for name in ("put_many", "delete_many", "get_many"):
        mine, its = (outcome(getattr(db, name), items) for db in both)
        assert mine == its
    assert dict(both[0].items()) == dict(both[1].items())


def raising_after(count: int, value_bytes: int) -> Iterator[tuple[bytes, bytes]]:
    for number in range(count):
        yield b"%06d" % number, bytes(value_bytes)
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("count", "value_bytes"),
    [(0, 1), (999, 1), (1_000, 1), (1_001, 1), (2_000, 1), (2_001, 1), (3, 2 << 20), (5, 1 << 20)],
)
def test_what_is_kept_when_an_iterable_raises_is_the_same(
    both: list[Any], count: int, value_bytes: int
) -> None:
    for db in both:
        with pytest.raises(ZeroDivisionError):
            db.put_many(raising_after(count, value_bytes))
    assert sorted(both[0]) == sorted(both[1])
    for db in both:
        db.put_many((b"%06d" % number, b"") for number in range(count))
        with pytest.raises(ZeroDivisionError):
            db.delete_many(key for key, _ in raising_after(count, 0))
    assert sorted(both[0]) == sorted(both[1])


def test_a_batch_too_large_is_refused_with_the_same_words(tmp_path: Path) -> None:
    found = []
    for path in PATHS:
        with open_over(path, tmp_path / path, batch_bytes_max=64 * 1024) as db:
            rows = [(b"k%d" % number, bytes(30_000)) for number in range(3)]
            found.append(outcome(lambda db=db, rows=rows: db.put_many(rows, atomic=True)))
            assert len(db) == 0
    assert found[0] == found[1]
    assert found[0][0] == "BatchTooLargeError"


# ---- scans ----


@pytest.mark.parametrize("kind", [SCAN_ROWS, SCAN_KEYS, SCAN_VALUES])
@pytest.mark.parametrize("limit", [-1, 0, 1, 5, 1_000, sys.maxsize])
def test_a_scan_gives_what_that_of_its_twin_gives(both: list[Any], kind: int, limit: int) -> None:
    for db in both:
        db.put_many((b"%03d" % number, b"v%d" % number) for number in range(1_000))
    mine, its = (list(db._scan(kind, limit)) for db in both)
    assert mine == its
    assert len(mine) == (1_000 if limit < 0 else min(limit, 1_000))


@pytest.mark.parametrize(
    "bounds", [(b"a", None, False), (None, b"", False), (b"", b"z", True), (None, None, True)]
)
def test_bounds_of_a_scan_reach_the_core(both: list[Any], bounds: tuple[Any, ...]) -> None:
    """A Bitcask, which has no order, refuses them."""
    mine, its = (outcome(db._scan, SCAN_ROWS, -1, *bounds) for db in both)
    assert mine == its
    assert mine[0] == "NotSupportedError"
    for db in both:
        db[b"k"] = b"v"
        assert list(db._scan(SCAN_ROWS, -1, None, None, False)) == [(b"k", b"v")]


def test_rows_that_were_kept_stay_as_they_are(fast: Any) -> None:
    """The tuple of a row is filled again for the next one, unless somebody has it (until 3.13)."""
    rows = {b"%03d" % number: b"v%d" % number for number in range(500)}
    fast.put_many(rows.items())
    scan = fast.scan()
    kept = [row for number, row in enumerate(scan) if number % 3 == 0]
    assert len(kept) == len({id(row) for row in kept}) == 167
    assert set(kept) <= set(rows.items())
    first, second = (next(scan) for scan in [fast.scan()] for _ in range(2))
    assert first != second
