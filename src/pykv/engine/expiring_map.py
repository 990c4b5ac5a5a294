"""An immutable ordered map whose rows may have deadlines: three maps that change together.

One has the rows, one the deadlines by key, one the keys by deadline, so that what has expired is
found without a walk. A change gives a new map and leaves the old one as it was.

Invariant: the keys with a deadline are keys of rows, and stand once by key and once by deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Self

from pykv.engine.ordered_map import OrderedMap, Row

DEADLINE_BYTES: Final = 8


def _stored(deadline_us: int) -> bytes:
    return deadline_us.to_bytes(DEADLINE_BYTES, "big")


class ExpiringMap:
    """An immutable map. Lookups and changes take O(log n), len() O(1). Safe from any thread."""

    __slots__ = ("_by_deadline", "_deadlines", "rows")

    def __init__(
        self,
        rows: OrderedMap | None = None,
        deadlines: OrderedMap | None = None,
        by_deadline: OrderedMap | None = None,
    ) -> None:
        self.rows: OrderedMap = OrderedMap() if rows is None else rows
        self._deadlines = OrderedMap() if deadlines is None else deadlines
        self._by_deadline = OrderedMap() if by_deadline is None else by_deadline

    def __len__(self) -> int:
        return len(self.rows)

    def deadline_us(self, key: bytes) -> int:
        """The deadline of key, 0 where it has none."""
        stored = self._deadlines.get(key)
        return 0 if stored is None else int.from_bytes(stored, "big")

    def first_deadline_us(self) -> int:
        """The earliest deadline, 0 where there is none."""
        for run in self._by_deadline.slices(0, min(len(self._by_deadline), 1)):
            for place, _ in run:
                return int.from_bytes(place[:DEADLINE_BYTES], "big")
        return 0

    def set(self, key: bytes, value: bytes, deadline_us: int = 0) -> ExpiringMap:
        """The map with key set to value until deadline_us; 0: for ever."""
        without = self._without_deadline(key)
        rows = without.rows.set(key, value)
        if not deadline_us:
            return ExpiringMap(rows, without._deadlines, without._by_deadline)
        return ExpiringMap(
            rows,
            without._deadlines.set(key, _stored(deadline_us)),
            without._by_deadline.set(_stored(deadline_us) + key, b""),
        )

    def remove(self, key: bytes) -> Self | ExpiringMap:
        """The map without key; the map itself if it is absent."""
        rows = self.rows.remove(key)
        if rows is self.rows:
            return self
        without = self._without_deadline(key)
        return ExpiringMap(rows, without._deadlines, without._by_deadline)

    def remove_range(self, start: bytes, stop: bytes | None) -> Self | ExpiringMap:
        """The map without the keys of [start, stop); the map itself if there is none."""
        rows = self.rows.remove_range(start, stop)
        if rows is self.rows:
            return self
        by_deadline = self._by_deadline
        for key, stored in self._expiring(start, stop):
            by_deadline = by_deadline.remove(stored + key)
        return ExpiringMap(rows, self._deadlines.remove_range(start, stop), by_deadline)

    def without_expired(self, now_us: int) -> Self | ExpiringMap:
        """The map without the keys whose deadline is now_us or before."""
        left: Self | ExpiringMap = self
        last = self._by_deadline.rank(_stored(now_us + 1))
        for run in self._by_deadline.slices(0, last):
            for place, _ in run:
                left = left.remove(place[DEADLINE_BYTES:])
        return left

    def faults(self) -> Iterator[str]:
        """What contradicts the invariants; nothing in a sound map."""
        yield from self.rows.faults()
        yield from self._deadlines.faults()
        yield from self._by_deadline.faults()
        places = {stored + key for key, stored in self._expiring(b"", None)}
        if len(places) != len(self._by_deadline):
            yield "the keys by deadline are not those that have one"
        if any(self._by_deadline.get(place) is None for place in places):
            yield "a key does not stand under its deadline"

    def _expiring(self, start: bytes, stop: bytes | None) -> Iterator[Row]:
        """The keys of [start, stop) that have a deadline, with it."""
        first = self._deadlines.rank(start)
        last = len(self._deadlines) if stop is None else self._deadlines.rank(stop)
        for run in self._deadlines.slices(first, max(first, last)):
            yield from run

    def _without_deadline(self, key: bytes) -> Self | ExpiringMap:
        stored = self._deadlines.get(key) if len(self._deadlines) else None
        if stored is None:
            return self
        by_deadline = self._by_deadline.remove(stored + key)
        return ExpiringMap(self.rows, self._deadlines.remove(key), by_deadline)
