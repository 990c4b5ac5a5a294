"""The base of readers: what it makes of its primitives."""

from pathlib import Path
from typing import Any

import pytest

from pykv.engine.reading import ReaderBase
from pykv.errors import ClosedError
from pykv.reader import CloseableIterator


class Fixed(ReaderBase):
    """Two rows, and a note of what was asked for."""

    def __init__(self) -> None:
        self.rows = {b"a": b"1", b"b": b""}
        self._closed = False

    @property
    def path(self) -> Path | None:
        return None

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    def _get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, *args: Any, **named: Any) -> CloseableIterator[tuple[bytes, bytes]]:
        return (row for row in self.rows.items())

    def count(self, *args: Any, **named: Any) -> int:
        return len(self.rows)


def test_an_empty_value_is_there() -> None:
    reader = Fixed()
    assert b"b" in reader
    assert reader[b"b"] == reader.get(b"b", b"?") == b""
    assert reader.get_many([b"b", b"c"], 0) == [b"", 0]


def test_keys_and_values_come_from_its_scans() -> None:
    reader = Fixed()
    assert list(reader) == [b"a", b"b"]
    assert list(reader.scan_values()) == [b"1", b""]
    assert dict(reader.items()) == reader.rows


def test_a_block_closes_it_and_then_it_refuses() -> None:
    with Fixed() as reader:
        assert reader
    assert not reader
    assert repr(reader) == "<pykv.Fixed closed>"
    with pytest.raises(ClosedError):
        reader.keys()
    with pytest.raises(ClosedError):
        reader.__enter__()
