"""What cursors that hold their row as Python objects share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from pykv.reader import Row


class CursorBase(ABC):
    """The row that a cursor stands on, None off the rows."""

    __slots__ = ("_row",)

    _row: Row | None

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ClosedError or ForkedError where the cursor cannot be used."""

    @abstractmethod
    def close(self) -> None:
        """Gives up what the cursor keeps; silent where that is done."""

    def _stood_on(self) -> Row:
        self._check_open()
        if self._row is None:
            raise IndexError("the cursor stands on no row")
        return self._row

    @property
    def key(self) -> bytes:
        """The key of the row it stands on; IndexError off the rows."""
        return self._stood_on()[0]

    @property
    def value(self) -> bytes:
        """The value of that row; IndexError off the rows."""
        return self._stood_on()[1]

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
