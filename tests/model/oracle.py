"""The oracle of the model tests: what a store must answer, from a dict."""

from collections.abc import Iterable
from typing import Any

Row = tuple[bytes, bytes]
Rows = dict[bytes, bytes]
Move = tuple[str, *tuple[bytes, ...]]  # the name of a call of a cursor, and its arguments


class Oracle:
    """A dict with the words of a store. Every answer is worked out in the plainest way."""

    def __init__(self, rows: Rows | None = None) -> None:
        self.rows: Rows = {} if rows is None else rows
        self.spaces: dict[str, Rows] = {}

    def space(self, name: str) -> "Oracle":
        """The oracle of a namespace, which is made where there is none."""
        return Oracle(self.spaces.setdefault(name, {}))

    def copy(self) -> "Oracle":
        """The rows of this moment, of all namespaces."""
        copy = Oracle(dict(self.rows))
        copy.spaces = {name: dict(rows) for name, rows in self.spaces.items()}
        return copy

    def compare_and_set(self, key: bytes, expected: bytes | None, value: bytes | None) -> bool:
        if self.rows.get(key) != expected:
            return False
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value
        return True

    def delete_many(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.rows.pop(key, None)

    def delete_range(self, start: bytes | None, stop: bytes | None) -> None:
        self.delete_many([key for key, _ in self.scan(start, stop)])

    def scan(
        self,
        start: bytes | None = None,
        stop: bytes | None = None,
        prefix: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Row]:
        inside = [
            row
            for row in sorted(self.rows.items())
            if (start is None or row[0] >= start)
            and (stop is None or row[0] < stop)
            and (prefix is None or row[0].startswith(prefix))
        ]
        return (inside[::-1] if reverse else inside)[:limit]

    def count(
        self,
        start: bytes | None = None,
        stop: bytes | None = None,
        prefix: bytes | None = None,
    ) -> int:
        return len(self.scan(start, stop, prefix))

    def cursor(
        self,
        start: bytes | None = None,
        stop: bytes | None = None,
        prefix: bytes | None = None,
    ) -> "OracleCursor":
        return OracleCursor(self.scan(start, stop, prefix))

    def first(self) -> Row | None:
        return next(iter(self.scan()), None)

    def last(self) -> Row | None:
        return next(iter(self.scan(reverse=True)), None)

    def floor(self, key: bytes) -> Row | None:
        return next((row for row in self.scan(reverse=True) if row[0] <= key), None)

    def ceiling(self, key: bytes) -> Row | None:
        return next((row for row in self.scan() if row[0] >= key), None)


class OracleCursor:
    """A cursor over rows, at an index from -1, before the first, to their number."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.index = -1

    def to(self, index: int) -> bool:
        self.index = max(-1, min(index, len(self.rows)))
        return 0 <= self.index < len(self.rows)

    def seek(self, key: bytes) -> bool:
        return self.to(sum(row[0] < key for row in self.rows))

    def seek_back(self, key: bytes) -> bool:
        return self.to(sum(row[0] <= key for row in self.rows) - 1)

    def first(self) -> bool:
        return self.to(0)

    def last(self) -> bool:
        return self.to(len(self.rows) - 1)

    def next(self) -> bool:
        return self.to(self.index + 1)

    def prev(self) -> bool:
        return self.to(self.index - 1)

    @property
    def key(self) -> bytes:
        return self.rows[self.index][0]

    @property
    def value(self) -> bytes:
        return self.rows[self.index][1]

    def close(self) -> None:
        self.index = -1


def walked(cursor: Any, moves: Iterable[Move]) -> list[Row | None]:
    """The row that each move of a cursor leads to, None off the rows."""
    return [
        (cursor.key, cursor.value) if getattr(cursor, move)(*arguments) else None
        for move, *arguments in moves
    ]
