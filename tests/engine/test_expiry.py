"""Times to live: what the base does of them; stores show the rest (tests/contract/test_ttl.py)."""

from pathlib import Path

import pytest

from pykv.engine.batch import Delete, Operation, Put
from pykv.engine.expiry import ExpiryBase
from pykv.errors import ClosedError, NotSupportedError


class Without(ExpiryBase):
    """A store without the feature."""

    def __init__(self) -> None:
        self.is_open = True

    @property
    def path(self) -> Path | None:
        return None

    def _check_open(self) -> None:
        if not self.is_open:
            raise ClosedError("closed", path=None)


class Clock(Without):
    """A store whose clock stands at 1,000 us and whose key k expires at 1,500,000 us."""

    def __init__(self) -> None:
        super().__init__()
        self.touched: list[tuple[bytes, int, bool | None]] = []

    def _now_us(self) -> int:
        return 1_000

    def _expires_us(self, key: bytes) -> int | None:
        return {b"k": 1_500_000, b"stays": 0}.get(key)

    def _touch(self, key: bytes, deadline_us: int, sync: bool | None) -> bool:
        self.touched.append((key, deadline_us, sync))
        return key == b"k"


def test_a_ttl_becomes_a_deadline_of_the_clock() -> None:
    store = Clock()
    assert store._deadline_of(None) == 0
    assert store._deadline_of(0.5) == 501_000
    assert store.touch(b"k", 2, sync=True) is True
    assert store.touch(bytearray(b"gone"), None) is False
    assert store.touched == [(b"k", 2_001_000, True), (b"gone", 0, None)]


def test_expires_at_is_in_seconds() -> None:
    store = Clock()
    assert store.expires_at(b"k") == 1.5
    assert store.expires_at(b"stays") is None
    with pytest.raises(KeyError):
        store.expires_at(b"gone")


def test_puts_are_dated_and_nothing_else_is() -> None:
    store = Clock()
    operations: list[Operation] = [Put(b"a", b"1"), Put(b"b", b"2")]
    assert store._dated(operations, None) is operations
    assert store._dated(operations, 1) == [Put(b"a", b"1", 1_001_000), Put(b"b", b"2", 1_001_000)]
    assert store._dated([Delete(b"a")], None) == [Delete(b"a")]


def test_a_store_without_the_feature_refuses_a_ttl_and_a_closed_one_says_so() -> None:
    store = Without()
    assert store._deadline_of(None) == 0
    for call in (
        lambda: store._deadline_of(1),
        lambda: store.touch(b"k", None),
        lambda: store.expires_at(b"k"),
    ):
        with pytest.raises(NotSupportedError, match="ttl"):
            call()
    store.is_open = False
    with pytest.raises(ClosedError):
        store.touch(b"k", 1)
