"""Bytes-like arguments, their limits, ranges, and near misses."""

import array
import ctypes
import itertools
import mmap
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

import pykv
from pykv.arguments import (
    KEY_BYTES_MAX,
    VALUE_BYTES_MAX,
    as_bytes,
    as_position,
    as_version,
    check_limit,
    key_range,
    near_miss,
)
from pykv.errors import KeyTooLargeError, ValueTooLargeError


class Text(bytes):
    """A subclass whose own conversion must not be asked."""

    def __bytes__(self) -> bytes:
        return b"asked"


@pytest.mark.parametrize(
    "data",
    [
        b"abc",
        bytearray(b"abc"),
        memoryview(b"abc"),
        memoryview(b"xabcx")[1:4],
        memoryview(b"abc").cast("c"),
        np.frombuffer(b"abc", dtype=np.uint8),
        np.frombuffer(b"xabcx", dtype=np.uint8)[1:4],
        np.array([[97], [98], [99]], dtype=np.uint8),
        np.bytes_(b"abc"),
        array.array("B", b"abc"),
        (ctypes.c_ubyte * 3)(*b"abc"),
        (ctypes.c_char * 3).from_buffer_copy(b"abc"),
        Text(b"abc"),
    ],
)
def test_contiguous_unsigned_bytes_become_exactly_bytes(data: bytes) -> None:
    result = as_bytes(data, "key")
    assert result == b"abc"
    assert type(result) is bytes


def test_bytes_are_not_copied_and_buffers_are() -> None:
    data = b"abc"
    assert as_bytes(data, "key") is data
    buffer = bytearray(b"abc")
    copied = as_bytes(buffer, "key")
    buffer[0] = 0
    assert copied == b"abc"


def test_str_is_refused_with_the_way_to_encode_it() -> None:
    with pytest.raises(TypeError, match=r"key must be bytes-like, not str: .*text\.encode\(\)"):
        as_bytes("abc", "key")  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize("data", [None, 5, 1.5, [1], (97,), {"a": 1}, object(), True])
def test_what_is_no_buffer_is_refused_by_name(data: object) -> None:
    with pytest.raises(TypeError, match=f"value must be bytes-like .*not {type(data).__name__}"):
        as_bytes(data, "value")  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.parametrize(
    "data",
    [
        np.array([1.0]),
        np.array([1], dtype=np.int8),
        np.array([1], dtype=">u8"),
        np.array(b"x"),
        np.uint8(5),
        array.array("i", [1]),
        memoryview(b"abcd").cast("I"),
    ],
)
def test_other_items_than_unsigned_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(TypeError, match="key must "):
        as_bytes(data, "key")


@pytest.mark.parametrize(
    "data",
    [
        memoryview(b"abcdef")[::2],
        np.arange(6, dtype=np.uint8)[::-1],
        np.zeros((2, 3), dtype=np.uint8).T,
    ],
)
def test_gaps_are_refused_with_the_way_to_copy(data: bytes) -> None:
    with pytest.raises(TypeError, match=r"contiguous: copy it first"):
        as_bytes(data, "key")


@pytest.mark.parametrize("make", [bytes, bytearray])
def test_a_key_has_at_most_65_535_bytes(make: Callable[[int], bytes]) -> None:
    assert len(as_bytes(make(KEY_BYTES_MAX), "key")) == 65_535
    with pytest.raises(KeyTooLargeError, match="65,535 bytes, this one 65,536"):
        as_bytes(make(KEY_BYTES_MAX + 1), "key")
    assert len(as_bytes(make(KEY_BYTES_MAX + 1), "value")) == 65_536


def test_a_value_over_1_gib_is_refused_without_a_copy() -> None:
    tracemalloc.start()
    try:
        with (
            mmap.mmap(-1, VALUE_BYTES_MAX + 1) as space,
            pytest.raises(ValueTooLargeError, match="1,073,741,825"),
        ):
            as_bytes(space, "value")
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_empty_is_a_key_and_a_value() -> None:
    assert as_bytes(b"", "key") == b""
    assert as_bytes(bytearray(), "value") == b""


def test_a_prefix_is_the_range_of_the_keys_that_begin_with_it() -> None:
    letters = [b"\x00", b"a", b"\xfe", b"\xff"]
    words = [b"".join(word) for n in range(4) for word in itertools.product(letters, repeat=n)]
    for prefix in words:
        start, stop = key_range(None, None, prefix)
        inside = {word for word in words if word >= start and (stop is None or word < stop)}
        assert inside == {word for word in words if word.startswith(prefix)}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((None, None, None), (b"", None)),
        ((b"a", b"c", None), (b"a", b"c")),
        ((b"a", b"c", b"b"), (b"b", b"c")),
        ((b"ba", b"z", b"b"), (b"ba", b"c")),
        ((b"a", None, b"\xff\xff"), (b"\xff\xff", None)),
        ((bytearray(b"a"), memoryview(b"b"), np.array([97], dtype=np.uint8)), (b"a", b"b")),
    ],
)
def test_prefix_intersects_with_the_bounds(
    arguments: tuple[bytes, bytes, bytes], expected: tuple[bytes, bytes | None]
) -> None:
    assert key_range(*arguments) == expected


def test_a_bound_may_be_longer_than_a_key() -> None:
    long = bytes(KEY_BYTES_MAX + 1)
    assert key_range(long, long, long)[0] == long


@pytest.mark.parametrize("name", ["start", "stop", "prefix"])
def test_a_bound_of_a_wrong_type_is_named(name: str) -> None:
    arguments = dict.fromkeys(("start", "stop", "prefix")) | {name: "abc"}
    with pytest.raises(TypeError, match=f"{name} must be bytes-like, not str"):
        key_range(**arguments)


def test_a_limit_is_a_count_or_none() -> None:
    for good in (None, 0, 1, 10**30):
        check_limit(good)
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        check_limit(-1)
    for bad in (1.0, "1", True):
        with pytest.raises(TypeError, match="limit must be an int or None"):
            check_limit(bad)  # type: ignore[arg-type]  # the wrong type is the point


def test_a_near_miss_is_the_closest_name() -> None:
    assert near_miss("durabilty", ["create", "durability"]) == ": did you mean 'durability'?"
    assert near_miss("x", iter(["b", "a"])) == ": it knows a, b"


def test_an_empty_path_is_no_path() -> None:
    # An unset variable: it stood for the current directory, and destroy emptied that.
    for call in (pykv.open, pykv.destroy, pykv.repair, pykv.backups):
        with pytest.raises(ValueError, match="a path is empty"):
            call("")


def test_a_version_is_a_number() -> None:
    assert as_version(None) is None
    assert as_version(3) == 3
    for wrong in ("1", 1.0, True):
        with pytest.raises(TypeError, match="version must be an int or None"):
            as_version(wrong)  # type: ignore[arg-type]


def test_a_position_is_a_sequence_number_with_an_epoch_or_without() -> None:
    assert as_position(7) == (7, None)
    assert as_position((3, 7)) == (7, 3)
    with pytest.raises(TypeError, match="epoch, seq"):
        as_position((1, 2, 3))  # type: ignore[arg-type]  # refused
