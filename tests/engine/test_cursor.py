"""CursorBase: the row that a cursor of Python objects stands on."""

from __future__ import annotations

import pytest

from pykv.engine.cursor import CursorBase
from pykv.errors import ClosedError


class OneRow(CursorBase):
    """Stands on the row it was given until it is closed."""

    def __init__(self, row: tuple[bytes, bytes] | None) -> None:
        self._row = row
        self._open = True

    def _check_open(self) -> None:
        if not self._open:
            raise ClosedError("the cursor is closed")

    def close(self) -> None:
        self._open = False


def test_a_cursor_tells_the_key_and_the_value_of_its_row() -> None:
    cursor = OneRow((b"key", b"value"))
    assert (cursor.key, cursor.value) == (b"key", b"value")


def test_off_the_rows_there_is_neither_key_nor_value() -> None:
    cursor = OneRow(None)
    with pytest.raises(IndexError, match="no row"):
        assert cursor.key
    with pytest.raises(IndexError, match="no row"):
        assert cursor.value


def test_the_end_of_a_with_block_closes() -> None:
    with OneRow((b"key", b"value")) as cursor:
        assert cursor.key == b"key"
    with pytest.raises(ClosedError):
        assert cursor.key
    with pytest.raises(ClosedError), cursor:
        raise AssertionError("a closed cursor was entered")
