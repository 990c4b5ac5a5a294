"""Keys and values: which types are taken, which are refused, and the limits."""

import array
import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pykv.errors import BatchTooLargeError, KeyTooLargeError, ValueTooLargeError
from tests.contract.conftest import MakeStore

KEY_BYTES_MAX = 65_535
VALUE_BYTES_MAX = 1 << 30


class Text(bytes):
    pass


FORMS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview slice": lambda data: memoryview(b"<" + data + b">")[1:-1],
    "numpy uint8": lambda data: np.frombuffer(data, dtype=np.uint8),
    "numpy uint8 slice": lambda data: np.frombuffer(b"<" + data + b">", dtype=np.uint8)[1:-1],
    "ctypes bytes": lambda data: (ctypes.c_ubyte * len(data))(*data),
    "ctypes characters": lambda data: (ctypes.c_char * len(data)).from_buffer_copy(data),
    "subclass of bytes": Text,
}

REFUSED: dict[str, Any] = {
    "str": "abc",
    "int": 5,
    "None": None,
    "list": [97, 98],
    "float array": np.array([1.0, 2.0]),
    "int array": array.array("i", [1, 2]),
    "ctypes integers": (ctypes.c_uint16 * 2)(1, 2),
    "ctypes signed bytes": (ctypes.c_byte * 2)(1, 2),
    "strided memoryview": memoryview(b"abcdef")[::2],
    "strided numpy": np.arange(6, dtype=np.uint8)[::2],
}

KEY_CALLS: dict[str, Callable[[Any, Any], object]] = {
    "get": lambda db, key: db.get(key),
    "getitem": lambda db, key: db[key],
    "contains": lambda db, key: key in db,
    "get_many": lambda db, key: db.get_many([key]),
    "put": lambda db, key: db.put(key, b""),
    "setitem": lambda db, key: db.__setitem__(key, b""),
    "put_many": lambda db, key: db.put_many([(key, b"")]),
    "atomic put_many": lambda db, key: db.put_many([(key, b"")], atomic=True),
    "put_if_absent": lambda db, key: db.put_if_absent(key, b""),
    "compare_and_set": lambda db, key: db.compare_and_set(key, None, b""),
    "delete": lambda db, key: db.delete(key),
    "delitem": lambda db, key: db.__delitem__(key),
    "delete_many": lambda db, key: db.delete_many([key]),
    "pop": lambda db, key: db.pop(key, None),
    "setdefault": lambda db, key: db.setdefault(key, b""),
    "update": lambda db, key: db.update([(key, b"")]),
    "batch put": lambda db, key: _in_batch(db, lambda batch: batch.put(key, b"")),
    "batch delete": lambda db, key: _in_batch(db, lambda batch: batch.delete(key)),
}

VALUE_CALLS: dict[str, Callable[[Any, Any], object]] = {
    "put": lambda db, value: db.put(b"k", value),
    "setitem": lambda db, value: db.__setitem__(b"k", value),
    "put_many": lambda db, value: db.put_many([(b"k", value)]),
    "atomic put_many": lambda db, value: db.put_many([(b"k", value)], atomic=True),
    "put_if_absent": lambda db, value: db.put_if_absent(b"k", value),
    "compare_and_set": lambda db, value: db.compare_and_set(b"k", None, value),
    "setdefault": lambda db, value: db.setdefault(b"k", value),
    "update": lambda db, value: db.update({b"k": value}),
    "batch put": lambda db, value: _in_batch(db, lambda batch: batch.put(b"k", value)),
}


def _in_batch(db: Any, call: Callable[[Any], object]) -> None:
    with db.batch() as batch:
        call(batch)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", KEY_CALLS)
def test_every_form_of_bytes_names_the_same_key(db: Any, form: str, call: str) -> None:
    db[b"key"] = b"before"
    KEY_CALLS[call](db, FORMS[form](b"key"))
    assert set(db) <= {b"key"}
    assert all(type(key) is bytes for key in db)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("call", VALUE_CALLS)
def test_every_form_of_bytes_is_stored_as_the_same_value(db: Any, form: str, call: str) -> None:
    VALUE_CALLS[call](db, FORMS[form](b"value"))
    assert db[b"k"] == b"value"
    assert type(db[b"k"]) is bytes


@pytest.mark.parametrize("call", KEY_CALLS)
@pytest.mark.parametrize("kind", REFUSED)
def test_a_key_of_any_other_type_is_a_type_error(db: Any, call: str, kind: str) -> None:
    db[b"here"] = b"1"
    if kind == "None" and call == "compare_and_set":
        kind = "int"
    with pytest.raises(TypeError):
        KEY_CALLS[call](db, REFUSED[kind])
    assert dict(db.items()) == {b"here": b"1"}


@pytest.mark.parametrize("call", VALUE_CALLS)
@pytest.mark.parametrize("kind", [kind for kind in REFUSED if kind != "None"])
def test_a_value_of_any_other_type_is_a_type_error(db: Any, call: str, kind: str) -> None:
    with pytest.raises(TypeError):
        VALUE_CALLS[call](db, REFUSED[kind])
    assert list(db) == []


def test_none_as_a_value_is_a_type_error_of_put(db: Any) -> None:
    with pytest.raises(TypeError):
        db.put(b"k", None)


@pytest.mark.parametrize("call", KEY_CALLS)
def test_the_error_for_a_str_says_how_to_encode_it(db: Any, call: str) -> None:
    with pytest.raises(TypeError, match="encode"):
        KEY_CALLS[call](db, "key")


def test_a_stored_buffer_may_change_afterwards(db: Any) -> None:
    key, value = bytearray(b"k"), bytearray(b"v")
    with db.batch() as batch:
        batch.put(key, value)
        key[:], value[:] = b"K", b"V"
    db.put(key, value)
    key[:], value[:] = b"x", b"x"
    assert dict(db.items()) == {b"k": b"v", b"K": b"V"}


def test_the_empty_key_and_the_empty_value_are_like_any_other(db: Any) -> None:
    db[b""] = b""
    assert db[b""] == b""
    assert b"" in db
    assert db.get(b"") == b""
    assert list(db.items()) == [(b"", b"")]
    assert db.pop(b"") == b""
    assert b"" not in db


def test_a_key_may_hold_any_bytes(db: Any) -> None:
    keys = [bytes([byte]) for byte in range(256)] + [
        b"a\0b",
        b"\0",
        b"\xff" * 300,
        "\u00e9".encode(),
    ]
    db.put_many((key, key * 2) for key in keys)
    assert db.get_many(keys) == [key * 2 for key in keys]
    assert set(db) == set(keys)


@pytest.mark.needs("long_keys")
def test_the_longest_key_is_stored(db: Any) -> None:
    key = b"k" * KEY_BYTES_MAX
    db[key] = b"v"
    assert db[key] == b"v"
    assert list(db) == [key]


@pytest.mark.parametrize("call", KEY_CALLS)
@pytest.mark.parametrize("form", ["bytes", "bytearray"])
def test_a_longer_key_is_refused_before_anything_is_written(db: Any, call: str, form: str) -> None:
    with pytest.raises(KeyTooLargeError, match="65,535"):
        KEY_CALLS[call](db, FORMS[form](b"k" * (KEY_BYTES_MAX + 1)))
    assert list(db) == []


@pytest.mark.parametrize("call", VALUE_CALLS)
def test_a_value_over_1_gib_is_refused_before_anything_is_written(db: Any, call: str) -> None:
    # Untouched anonymous memory costs nothing until it is read.
    with mmap.mmap(-1, VALUE_BYTES_MAX + 1) as space, pytest.raises(ValueTooLargeError):
        VALUE_CALLS[call](db, space)
    assert list(db) == []


def test_a_value_of_some_megabytes_comes_back_whole(db: Any) -> None:
    value = bytes(range(256)) * 40_000
    db[b"k"] = value
    assert db[b"k"] == value
    assert dict(db.items()) == {b"k": value}


def test_a_batch_over_its_limit_is_refused_and_nothing_is_written(make_store: MakeStore) -> None:
    db = make_store(batch_bytes_max=64 * 1024)
    rows = [(b"%d" % number, bytes(8 * 1024)) for number in range(9)]

    def write() -> None:
        with db.batch() as batch:
            for key, value in rows:
                batch.put(key, value)

    with pytest.raises(BatchTooLargeError, match="batch_bytes_max"):
        write()
    with pytest.raises(BatchTooLargeError):
        db.put_many(rows, atomic=True)
    assert list(db) == []


def test_a_batch_of_one_record_always_fits(make_store: MakeStore) -> None:
    db = make_store(batch_bytes_max=64 * 1024)
    value = bytes(100 * 1024)
    with db.batch() as batch:
        batch.put(b"a", value)
    db.put_many([(b"b", value)], atomic=True)
    db.put(b"c", value)
    db.put_many([(b"d", value), (b"e", value)])
    assert sorted(db) == [b"a", b"b", b"c", b"d", b"e"]
