"""The oracle of the model tests: what a store must answer, from a dict."""

from collections.abc import Iterable

Rows = dict[bytes, bytes]


class Oracle:
    """A dict with the words of a store. Every answer is worked out in the plainest way."""

    def __init__(self, rows: Rows | None = None) -> None:
        self.rows: Rows = {} if rows is None else rows
        self.spaces: dict[str, Rows] = {}

    def space(self, name: str) -> "Oracle":
        """The oracle of a namespace, which is made where there is none."""
        return Oracle(self.spaces.setdefault(name, {}))

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
    ) -> list[tuple[bytes, bytes]]:
        inside = [
            row
            for row in sorted(self.rows.items())
            if (start is None or row[0] >= start)
            and (stop is None or row[0] < stop)
            and (prefix is None or row[0].startswith(prefix))
        ]
        return (inside[::-1] if reverse else inside)[:limit]

    def floor(self, key: bytes) -> tuple[bytes, bytes] | None:
        return next((row for row in self.scan(reverse=True) if row[0] <= key), None)

    def ceiling(self, key: bytes) -> tuple[bytes, bytes] | None:
        return next((row for row in self.scan() if row[0] >= key), None)
