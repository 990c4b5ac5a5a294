"""Whether two stores hold the same rows: counts and digests, whatever their order."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from pykv.engine.dated_rows import DatedRow, rows_of
from pykv.engine.expiry import ExpiryBase
from pykv.engine.namespaces import each_namespace
from pykv.store import Store

_HEAD: Final = struct.Struct("<QQ")
_DIGEST_BYTES: Final = 16
_HORIZON_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Side:
    """One of two stores that are to hold the same rows. alone: without its namespaces."""

    store: Store
    alone: bool = False

    def spaces(self) -> Iterator[tuple[str | None, Store]]:
        """As `pykv.each_namespace`, of what counts."""
        return iter([(None, self.store)]) if self.alone else each_namespace(self.store)


@dataclass(frozen=True, slots=True)
class Digest:
    """What a set of rows comes to.

    row_count: how many they are.  byte_count: of their keys and values.  value: the sum of the
    digests of all rows, namespaces, keys, values and deadlines, and of the names of all namespaces,
    modulo 2**128; the same in every order.
    """

    row_count: int
    byte_count: int
    value: int

    def __str__(self) -> str:
        return f"{self.value:032x}"


def digest_of(
    rows: Iterable[DatedRow],
    horizon_us: int,
    told: Callable[[], object],
    names: Iterable[str] = (),
) -> Digest:
    """The digest of the rows that are there for ever, or until after horizon_us.

    told: is called for every row.  names: of namespaces.
    """
    row_count = byte_count = 0
    value = sum(_number_of(_begun(name, b"name")) for name in names)
    for key, data, deadline_us, name in rows:
        told()
        if 0 < deadline_us <= horizon_us:
            continue
        row = _begun(name, b"row")
        row.update(_HEAD.pack(len(key), deadline_us))
        row.update(key)
        row.update(data)
        value += _number_of(row)
        row_count += 1
        byte_count += len(key) + len(data)
    return Digest(row_count, byte_count, value % (1 << 8 * _DIGEST_BYTES))


def _begun(name: str | None, what: bytes) -> blake2b:
    """A digest that begins with the name of a namespace; that of the default one with nothing."""
    if name is None:
        return blake2b(digest_size=_DIGEST_BYTES)
    return blake2b(name.encode() + b"\0", digest_size=_DIGEST_BYTES, person=what)


def _number_of(digest: blake2b) -> int:
    return int.from_bytes(digest.digest(), "little")


def _digest_of(side: Side, horizon_us: int, told: Callable[[], object]) -> Digest:
    names = [name for name, _ in side.spaces() if name is not None]
    rows = (row for name, space in side.spaces() for row in rows_of(name, space))
    return digest_of(rows, horizon_us, told, names)


def digests_of(
    source: Side, target: Side, told: Callable[[], object], horizon_us: int = _HORIZON_US
) -> tuple[Digest, Digest]:
    """The digests of two stores that nobody writes to.

    Rows that expire before both are read, or within horizon_us of now, are left out of both.
    """
    while True:
        horizon = _now_us(source.store, target.store) + horizon_us
        found = _digest_of(source, horizon, told)
        copied = _digest_of(target, horizon, told)
        if _now_us(source.store, target.store) < horizon:
            return found, copied
        horizon_us *= 8


def _now_us(*stores: Store) -> int:
    """The latest of the clocks of stores."""
    dated = [each for each in stores if isinstance(each, ExpiryBase) and "ttl" in each.features]
    return max([time.time_ns() // 1_000, *(each._now_us() for each in dated)])
