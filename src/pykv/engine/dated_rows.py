"""Rows with their deadlines: how they leave one store and enter another as they were."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple, cast

from pykv.arguments import BytesLike, as_bytes
from pykv.engine.batch import CHUNK_BYTES_MAX, Operation, Put, chunks
from pykv.engine.expiry import DeadlineReader
from pykv.engine.mapping import StoreBase
from pykv.engine.namespaces import each_namespace
from pykv.reader import OrderedReader, Snapshot
from pykv.store import Store


class DatedRow(NamedTuple):
    """A row, and when it expires in microseconds since 1970; 0: never.

    namespace: the name of the one that it is in; None: the default one, or that of a handle.
    """

    key: bytes
    value: bytes
    deadline_us: int = 0
    namespace: str | None = None


def export_rows(store: Store, start: BytesLike | None = None) -> Iterator[DatedRow]:
    """The rows of store at the moment of this call, with their deadlines.

    Rows of its namespaces come behind its own, each at the moment when its turn comes; those of a
    handle to one are the rows of that one.  start: the first key, in a store with order.  Deadlines
    are those of that moment too. In a store without snapshots they are those at the time when a row
    is given, and rows that are gone by then are left out: nobody should write to it meanwhile. One
    row at a time is in memory, besides what a scan holds. Raises what scans raise.
    """
    spaces = each_namespace(store)
    own = rows_of(*next(spaces), start)
    return chain(own, (row for name, space in spaces for row in rows_of(name, space)))


def rows_of(name: str | None, space: Store, start: BytesLike | None = None) -> Iterator[DatedRow]:
    """As export_rows, of this one namespace alone, whose name the rows get."""
    is_dated = "ttl" in space.features
    at = space.snapshot() if is_dated and "snapshot" in space.features else space
    rows = at.scan() if start is None else _ordered(at).scan(start)
    if not is_dated:
        return (DatedRow(key, value, 0, name) for key, value in rows)
    return _dated(name, at, rows)


def _ordered(at: Store | Snapshot) -> OrderedReader:
    if not isinstance(at, OrderedReader):
        raise TypeError(f"{at!r} has no order: leave start out")
    return at


def _dated(
    name: str | None, at: Store | Snapshot, rows: Iterator[tuple[bytes, bytes]]
) -> Iterator[DatedRow]:
    for key, value in rows:
        deadline_us = _deadline_us(at, key)
        if deadline_us is not None:
            yield DatedRow(key, value, deadline_us, name)


def _deadline_us(at: Store | Snapshot, key: bytes) -> int | None:
    """The deadline of key, None if it is absent."""
    if isinstance(at, DeadlineReader):
        return at._expires_us(key)
    try:
        seconds = at.expires_at(key)
    except KeyError:
        return None
    return 0 if seconds is None else round(seconds * 1_000_000)


def import_rows(store: Store, rows: Iterable[DatedRow], *, sync: bool | None = None) -> int:
    """Puts rows with the deadlines that they have, and returns how many.

    The last of equal keys wins. Chunks of 1,000 rows or 4 MiB are all or nothing each; an iterable
    that raises keeps the chunks before it. A row whose deadline has passed is absent at once. A row
    with a namespace goes to that of its name, which is made where there is none.  Raises what
    `put_many` raises; NotSupportedError for deadlines and namespaces where store has none.
    """
    count = 0
    for chunk in chunks(puts_of(store, rows), batch_bytes_of(store)):
        write_rows(store, chunk, sync)
        count += len(chunk)
    return count


def puts_of(store: Store, rows: Iterable[DatedRow]) -> Iterator[Put]:
    """Rows as operations on store, whose namespaces are made when they are first met."""
    places: dict[str | None, object] = {None: None}
    for key, value, deadline_us, name in rows:
        if name not in places:
            places[name] = _place_of(store, store.namespace(cast(str, name), create=True))
        yield Put(as_bytes(key, "key"), as_bytes(value, "value"), deadline_us, places[name])


def _place_of(store: Store, namespace: Store) -> object:
    """What stands for a namespace in operations on store."""
    return store._within(namespace) if isinstance(store, StoreBase) else namespace


def batch_bytes_of(store: Store) -> int:
    """The largest batch that store takes, as far as that is known."""
    if isinstance(store, StoreBase):
        return store._options.batch_bytes_max
    return CHUNK_BYTES_MAX


def write_rows(store: Store, puts: list[Operation], sync: bool | None) -> None:
    """Applies puts in one step."""
    keeps_deadlines = "ttl" in store.features
    dated = any(isinstance(each, Put) and each.deadline_us for each in puts)
    if isinstance(store, StoreBase) and (keeps_deadlines or not dated):
        store._write(puts, sync)
        return
    with store.batch(sync=sync) as batch:
        for each in puts:
            if isinstance(each, Put):
                ttl = _ttl_of(each.deadline_us)
                if each.within is None:
                    batch.put(each.key, each.value, ttl=ttl)
                else:
                    batch.put(each.key, each.value, ttl=ttl, namespace=each.within)


def _ttl_of(deadline_us: int) -> float | None:
    """What is left until a deadline; at least a microsecond."""
    return max(deadline_us - time.time_ns() // 1_000, 1) / 1_000_000 if deadline_us else None
