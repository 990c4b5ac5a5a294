"""Ordered scans of the quickstart: everything forwards and backwards, prefixes, neighbours.

What a store with order must show follows from its sorted keys alone. Each check returns a line for
every fault, and none where all is well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import pykv

NEIGHBOURS_MAX: Final = 1_000


def prefixes_of(keys: Sequence[bytes]) -> list[bytes]:
    """The directories that keys of files begin with, each with its slash, sorted."""
    return sorted({key[: at + 1] for key in keys if (at := key.rfind(b"/")) >= 0})


def differences(db: pykv.OrderedStore, keys: Sequence[bytes]) -> list[str]:
    """What is wrong with the order of a store that holds keys, which are sorted."""
    return [
        *_wrong_ends(db, keys),
        *_wrong_prefixes(db, keys),
        *_wrong_neighbours(db, keys),
    ]


def _wrong_ends(db: pykv.OrderedStore, keys: Sequence[bytes]) -> Iterator[str]:
    if list(db.scan_keys()) != list(keys):
        yield "a scan is not in order"
    if list(db.scan_keys(reverse=True)) != list(reversed(keys)):
        yield "a scan backwards is not the same rows from the last to the first"
    ends = [row and row[0] for row in (db.first(), db.last())]
    if ends != ([keys[0], keys[-1]] if keys else [None, None]):
        yield f"the first and the last key are not {ends}"


def _wrong_prefixes(db: pykv.OrderedStore, keys: Sequence[bytes]) -> Iterator[str]:
    for prefix in prefixes_of(keys):
        inside = keys[bisect_left(keys, prefix) : bisect_left(keys, _after(prefix))]
        if list(db.scan_keys(prefix=prefix)) != list(inside):
            yield f"the rows below {prefix!r} are not those stored"
        if db.count(prefix=prefix) != len(inside):
            yield f"the rows below {prefix!r} are not {len(inside):,}"


def _after(prefix: bytes) -> bytes:
    """The first key behind those that begin with prefix, whose last byte is a slash."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def _wrong_neighbours(db: pykv.OrderedStore, keys: Sequence[bytes]) -> Iterator[str]:
    step = max(len(keys) // NEIGHBOURS_MAX, 1)
    for key in islice(keys, 0, None, step):
        for asked in (key, key + b"\0", key[:-1]):
            below, above = db.floor(asked), db.ceiling(asked)
            at, behind = bisect_right(keys, asked), bisect_left(keys, asked)
            wanted = (keys[at - 1] if at else None, keys[behind] if behind < len(keys) else None)
            if (below and below[0], above and above[0]) != wanted:
                yield f"the neighbours of {asked!r} are not {wanted}"
