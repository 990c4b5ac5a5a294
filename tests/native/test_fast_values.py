"""Values of every size, in memory and behind system calls: one by one, many at once, in scans."""

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pykv._native import lib
from pykv.errors import CorruptionError
from tests.native.fast_stores import needs_fast, open_over

pytestmark = needs_fast

LARGE = 64 * 1024
"""A longer value is copied without the interpreter lock."""
HELD_KEYS_MAX = 63
"""More keys are looked up without the interpreter lock."""
SIZES = [0, 1, 8_192, 8_193, LARGE - 1, LARGE, LARGE + 1, 3 << 20]


@pytest.fixture(params=[True, False], ids=["mapped", "by pread"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """A store whose reads never block, and one whose reads always do."""
    with open_over("fast", tmp_path / "store", mapped_reads=request.param) as store:
        yield store


def value_of(size: int, number: int = 0) -> bytes:
    return bytes([number % 251 + 1]) * size


@pytest.mark.parametrize("size", SIZES)
def test_a_value_of_any_size_comes_back_whole(db: Any, size: int) -> None:
    value = value_of(size, size)
    db[b"k"] = value
    assert db[b"k"] == value
    assert db.get(b"k") == value
    assert db.get_many([b"k", b"absent", b"k"]) == [value, None, value]
    assert db.get_many([b"k", b"absent"] * 50) == [value, None] * 50
    assert list(db.items()) == [(b"k", value)]
    assert list(db.scan_values()) == [value]
    assert b"k" in db
    db.put_many([(b"j", bytearray(value)), (b"i", memoryview(value))])
    assert db.get_many([b"i", b"j"]) == [value, value]
    assert db._discard(b"k", None)
    assert db.get(b"k") is None


@pytest.mark.parametrize("count", [0, 1, HELD_KEYS_MAX, HELD_KEYS_MAX + 1, 1_000, 5_000])
def test_any_number_of_keys_is_looked_up_at_once(db: Any, count: int) -> None:
    rows = {b"%06d" % number: value_of(number % 300, number) for number in range(count)}
    db.put_many(rows.items())
    keys = [key for number, key in enumerate(rows) if number % 5] + [b"absent%d" % count]
    for _ in range(2):
        assert db.get_many(keys) == [rows.get(key) for key in keys]
        assert db.get_many(tuple(keys), default=0) == [rows.get(key, 0) for key in keys]
        assert db.get_many(key for key in keys) == [rows.get(key) for key in keys]
        assert db.get_many(map(bytearray, keys)) == [rows.get(key) for key in keys]


def test_values_may_be_larger_than_those_of_the_call_before(db: Any) -> None:
    """The buffer of a lookup is made as large as the last one was, and grows where need be."""
    keys = [b"%03d" % number for number in range(200)]
    for size in (10, 20_000, 100, 70_000, 0, 5_000):
        rows = {key: value_of(size, number) for number, key in enumerate(keys)}
        db.put_many(rows.items())
        assert db.get_many(keys) == list(rows.values())


def test_values_of_all_sizes_are_scanned(db: Any) -> None:
    rows = {b"%d" % size: value_of(size, size) for size in SIZES}
    db.update(rows)
    assert dict(db.scan()) == rows
    assert sorted(db.scan_values()) == sorted(rows.values())
    assert set(db.scan_keys()) == set(rows)


def test_the_default_is_not_kept(db: Any) -> None:
    default = object()
    before = sys.getrefcount(default)
    for count in (1, 100):
        assert db.get_many([b"absent"] * count, default) == [default] * count
    assert db.get(b"absent", default) is default
    assert sys.getrefcount(default) == before


READS: dict[str, Callable[[Any], object]] = {
    "get": lambda db: db.get(b"k"),
    "getitem": lambda db: db[b"k"],
    "get_many": lambda db: db.get_many([b"k"]),
    "get_many of many": lambda db: db.get_many([b"j", b"k"] * 50),
    "scan": lambda db: list(db.scan()),
}


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("mapped", [True, False])
def test_a_damaged_value_is_never_given(tmp_path: Path, mapped: bool, size: int) -> None:
    with open_over("fast", tmp_path) as db:
        db[b"k"] = value_of(size, 7)
    (segment,) = (path for path in tmp_path.iterdir() if value_of(size, 7) in path.read_bytes())
    damaged = segment.read_bytes()
    at = damaged.index(value_of(size, 7)) + size // 2
    with open_over("fast", tmp_path, mapped_reads=mapped) as db:
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(b"\0")
        for call in READS.values():
            with pytest.raises(CorruptionError):
                call(db)
        db[b"k"] = b"good again"
        assert db.get_many([b"k"] * 100) == [b"good again"] * 100
        assert lib.pykv_last_error() is not None


def test_ranges_are_the_same_over_both_paths(tmp_path: Path) -> None:
    keys = [b"", b"a", b"ab", b"a\xff", b"b", b"\xff", b"\xff\xff"]
    bounds: list[bytes | None] = [None, *keys, b"zz"]
    hows: list[dict[str, Any]] = [
        {},
        {"reverse": True},
        {"limit": 2},
        {"reverse": True, "limit": 0},
    ]
    with (
        open_over("fast", tmp_path / "fast", "lsm") as fast,
        open_over("plain", tmp_path / "plain", "lsm") as plain,
    ):
        for db in (fast, plain):
            db.update((key, b"<" + key + b">") for key in keys)
        for start, stop in itertools.product(bounds, bounds):
            for how in hows:
                for scan in ("scan", "scan_keys", "scan_values"):
                    shown = [list(getattr(db, scan)(start, stop, **how)) for db in (fast, plain)]
                    assert shown[0] == shown[1], (start, stop, how)
            assert fast.count(start, stop) == plain.count(start, stop)
