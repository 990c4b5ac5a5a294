"""An immutable ordered map of bytes to bytes: a B+ tree whose versions share what they can.

A change gives a new map and leaves the old one as it was, at the cost of copying the nodes on one
path from the root. So a reader needs no lock, a snapshot is a reference, and a change that is given
up half way has changed nothing.

Invariants.
 1. The keys of a leaf ascend, and all leaves have the same depth.
 2. An inner node with n children has n - 1 separators; the keys of child i are below separator i,
    and those of child i + 1 are not.
 3. No node but the root is empty, none has more than NODE_ENTRIES_MAX entries, and every node knows
    how many rows are in and below it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, TypeAlias

Row: TypeAlias = tuple[bytes, bytes]

NODE_ENTRIES_MAX: Final = 64
NODE_ENTRIES_LOW: Final = NODE_ENTRIES_MAX // 4


class _Leaf:
    __slots__ = ("count", "entries")

    count: int
    entries: tuple[Row, ...]

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.entries = rows
        self.count = len(rows)

    def rank(self, key: bytes) -> int:
        return bisect_left(self.entries, (key,))

    def set(self, row: Row) -> _Parts:
        rows = self.entries
        index = bisect_left(rows, (row[0],))
        after = index + (index < len(rows) and rows[index][0] == row[0])
        rows = rows[:index] + (row,) + rows[after:]  # noqa: RUF005  (concatenation is faster)
        if len(rows) <= NODE_ENTRIES_MAX:
            return (_Leaf(rows),), ()
        half = len(rows) // 2
        return (_Leaf(rows[:half]), _Leaf(rows[half:])), (rows[half][0],)

    def cut(self, start: bytes, stop: bytes | None) -> _Leaf:
        first = self.rank(start)
        last = self.count if stop is None else self.rank(stop)
        return _Leaf(self.entries[:first] + self.entries[last:]) if first < last else self

    def slices(self, first: int, last: int, reverse: bool) -> Iterator[tuple[Row, ...]]:
        rows = self.entries[first:last]
        yield rows[::-1] if reverse else rows

    def faults(self, low: bytes, high: bytes | None) -> Iterator[str]:
        keys = [key for key, _ in self.entries]
        if any(left >= right for left, right in pairwise(keys)):
            yield "the keys of a leaf do not ascend"
        if keys and (min(keys) < low or (high is not None and max(keys) >= high)):
            yield "a key lies outside the separators of its leaf"


class _Inner:
    __slots__ = ("count", "entries", "separators")

    count: int
    entries: tuple[_Node, ...]
    separators: tuple[bytes, ...]

    def __init__(
        self,
        children: tuple[_Node, ...],
        separators: tuple[bytes, ...],
        count: int | None = None,
    ) -> None:
        self.entries = children
        self.separators = separators
        self.count = sum([child.count for child in children]) if count is None else count

    def rank(self, key: bytes) -> int:
        index = bisect_right(self.separators, key)
        before = sum([child.count for child in self.entries[:index]])
        return before + self.entries[index].rank(key)

    def set(self, row: Row) -> _Parts:
        index = bisect_right(self.separators, row[0])
        before = self.entries[index]
        nodes, between = before.set(row)
        children = self.entries[:index] + nodes + self.entries[index + 1 :]
        if not between:
            grown = nodes[0].count - before.count
            return (_Inner(children, self.separators, self.count + grown),), ()
        separators = self.separators[:index] + between + self.separators[index:]
        if len(children) <= NODE_ENTRIES_MAX:
            return (_Inner(children, separators),), ()
        half = len(children) // 2
        left = _Inner(children[:half], separators[: half - 1])
        return (left, _Inner(children[half:], separators[half:])), (separators[half - 1],)

    def cut(self, start: bytes, stop: bytes | None) -> _Inner:
        first = bisect_right(self.separators, start)
        last = len(self.separators) if stop is None else bisect_left(self.separators, stop)
        if first < last:
            edges = [self.entries[first].cut(start, None), self.entries[last].cut(b"", stop)]
            lows = [first, last]
        else:
            edges = [self.entries[first].cut(start, stop)]
            lows = [first]
            if edges[0] is self.entries[first]:
                return self
            if len(edges[0].entries) >= NODE_ENTRIES_LOW:
                children = (*self.entries[:first], *edges, *self.entries[first + 1 :])
                removed = self.entries[first].count - edges[0].count
                return _Inner(children, self.separators, self.count - removed)
        rest = list(zip((b"", *self.separators), self.entries, strict=True))
        cut = [(rest[low][0], edge) for low, edge in zip(lows, edges, strict=True)]
        return _tidy([*rest[:first], *cut, *rest[lows[-1] + 1 :]])

    def slices(self, first: int, last: int, reverse: bool) -> Iterator[tuple[Row, ...]]:
        children = reversed(self.entries) if reverse else self.entries
        # Positions are counted from the side that the walk begins at.
        skip, left = (self.count - last, last - first) if reverse else (first, last - first)
        for child in children:
            if left <= 0:
                break
            take = min(child.count - skip, left)
            if take > 0:
                begin = child.count - skip - take if reverse else skip
                yield from child.slices(begin, begin + take, reverse)
                left -= take
            skip = max(skip - child.count, 0)

    def faults(self, low: bytes, high: bytes | None) -> Iterator[str]:
        if len(self.separators) != len(self.entries) - 1:
            yield "an inner node has too many or too few separators"
            return
        if self.count != sum(child.count for child in self.entries):
            yield "an inner node counts its rows wrongly"
        bounds = (low, *self.separators, high)
        for child, (child_low, child_high) in zip(self.entries, pairwise(bounds), strict=True):
            if not 0 < len(child.entries) <= NODE_ENTRIES_MAX:
                yield "a node is empty or too full"
            yield from child.faults(child_low or b"", child_high)


_Node: TypeAlias = _Leaf | _Inner
_Parts: TypeAlias = tuple[tuple[_Node, ...], tuple[bytes, ...]]


def _tidy(children: list[tuple[bytes, _Node]]) -> _Inner:
    """An inner node of (separator before it, child), without the empty ones, small ones joined."""
    kept: list[tuple[bytes, _Node]] = []
    for low, child in children:
        if not child.count:
            continue
        if kept and _may_join(kept[-1][1], child):
            left_low, left = kept.pop()
            kept.append((left_low, _join(left, low, child)))
        else:
            kept.append((low, child))
    return _Inner(tuple(child for _, child in kept), tuple(low for low, _ in kept[1:]))


def _may_join(left: _Node, right: _Node) -> bool:
    counts = len(left.entries), len(right.entries)
    return min(counts) < NODE_ENTRIES_LOW and sum(counts) <= NODE_ENTRIES_MAX


def _join(left: _Node, separator: bytes, right: _Node) -> _Node:
    if isinstance(left, _Leaf) and isinstance(right, _Leaf):
        return _Leaf(left.entries + right.entries)
    assert isinstance(left, _Inner)
    assert isinstance(right, _Inner)
    return _Inner(left.entries + right.entries, (*left.separators, separator, *right.separators))


class OrderedMap:
    """An immutable map. Lookups and changes take O(log n), len() O(1). Safe from any thread."""

    __slots__ = ("_root",)

    def __init__(self, root: _Node | None = None) -> None:
        self._root: _Node = _Leaf(()) if root is None else root

    def __len__(self) -> int:
        return self._root.count

    def get(self, key: bytes) -> bytes | None:
        """The value of key, None if it is absent."""
        node = self._root
        while isinstance(node, _Inner):
            node = node.entries[bisect_right(node.separators, key)]
        rows = node.entries
        index = bisect_left(rows, (key,))
        if index < len(rows):
            found, value = rows[index]
            if found == key:
                return value
        return None

    def set(self, key: bytes, value: bytes) -> OrderedMap:
        """The map with key set to value."""
        nodes, separators = self._root.set((key, value))
        return OrderedMap(_Inner(nodes, separators) if separators else nodes[0])

    def remove(self, key: bytes) -> OrderedMap:
        """The map without key; the map itself if it is absent."""
        return self.remove_range(key, key + b"\0")

    def remove_range(self, start: bytes, stop: bytes | None) -> OrderedMap:
        """The map without the keys of [start, stop)."""
        if stop is not None and start >= stop:
            return self
        root: _Node = self._root.cut(start, stop)
        if root is self._root:
            return self
        if not root.count:
            return OrderedMap()
        while isinstance(root, _Inner) and len(root.entries) == 1:
            root = root.entries[0]
        return OrderedMap(root)

    def rank(self, key: bytes) -> int:
        """How many keys are below key."""
        return self._root.rank(key)

    def slices(self, first: int, last: int, reverse: bool = False) -> Iterator[tuple[Row, ...]]:
        """The rows of ranks first up to last, exclusive, in runs of at most NODE_ENTRIES_MAX."""
        if not 0 <= first <= last <= len(self):
            raise IndexError(f"no rows {first} to {last} in a map of {len(self)}")
        return self._root.slices(first, last, reverse)

    def faults(self) -> Iterator[str]:
        """What contradicts the invariants; nothing in a sound map."""
        return self._root.faults(b"", None)
