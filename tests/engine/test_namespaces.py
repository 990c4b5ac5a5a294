"""Names of namespaces, and what is said where there are none."""

from typing import Any

import pytest

from pykv.arguments import name_bytes
from pykv.engine.memory import Memory
from pykv.engine.namespaces import (
    each_namespace,
    no_such_namespace,
    not_of_this_store,
)


def test_a_name_is_1_to_255_bytes_of_utf_8() -> None:
    assert name_bytes("users") == b"users"
    assert name_bytes("\u00e9" * 127) == b"\xc3\xa9" * 127
    for name in ("", "n" * 256, "\u00e9" * 128, "\ud800"):
        with pytest.raises(ValueError, match=r"bytes of UTF-8|surrogates"):
            name_bytes(name)
    wrong: Any = b"users"
    with pytest.raises(TypeError, match="str, not bytes"):
        name_bytes(wrong)


def test_a_missing_name_is_a_key_error_that_says_what_to_do() -> None:
    assert isinstance(no_such_namespace("users"), KeyError)
    assert "create=True" in str(no_such_namespace("users"))


def test_a_stranger_is_a_value_error_and_anything_else_a_type_error() -> None:
    with Memory() as other:
        assert isinstance(not_of_this_store(other), ValueError)
    assert isinstance(not_of_this_store("users"), TypeError)


def test_each_namespace_is_the_store_and_then_the_others_by_name() -> None:
    with Memory() as db:
        assert list(each_namespace(db)) == [(None, db)]
        for name in ("b", "a", "gone"):
            db.namespace(name, create=True)[b"name"] = name.encode()
        spaces = each_namespace(db)
        assert next(spaces) == (None, db)
        db.drop_namespace("gone")
        assert [(name, each[b"name"]) for name, each in spaces] == [("a", b"a"), ("b", b"b")]
        users = db.namespace("a")
        assert list(each_namespace(users)) == [(None, users)]
