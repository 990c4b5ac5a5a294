"""The snapshot of the quickstart tells what stayed, and finds what did not."""

from contextlib import nullcontext

import pytest

import pykv
from pykv.cli.quickstart_contents import Contents, DifferenceError, Expected
from pykv.cli.quickstart_snapshot import Kept, kept


def change(db: pykv.Store, expected: Expected) -> None:
    db.put(b"a", b"2")
    expected.files[b"a"] = Contents.of(b"2")
    db.delete(b"b")
    del expected.files[b"b"]


def test_keys_that_stayed_and_those_that_the_store_changed_are_counted() -> None:
    with pykv.open(engine="memory") as db:
        db.update(dict.fromkeys((b"a", b"b", b"c"), b"1"))
        expected = Expected(dict.fromkeys((b"a", b"b", b"c"), Contents.of(b"1")))
        with kept(db, expected) as result:
            change(db, expected)
    assert result == Kept(3, 2)
    assert result.text() == "3 keys unchanged while 2 were overwritten or deleted"


def test_a_snapshot_that_moves_on_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pykv.Memory, "snapshot", lambda db: nullcontext(db))
    with pykv.open(engine="memory") as db:
        db.update({b"a": b"1", b"b": b"1"})
        expected = Expected(dict.fromkeys((b"a", b"b"), Contents.of(b"1")))
        faults = "b'a' is not what was stored; b'b' is missing"
        with pytest.raises(DifferenceError, match=faults), kept(db, expected):
            change(db, expected)
