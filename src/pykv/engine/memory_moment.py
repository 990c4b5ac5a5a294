"""A moment of a memory store: all of its rows, in immutable maps, and what writes make of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pykv.engine.batch import Delete, DeleteRange, Operation, Put
from pykv.engine.expiring_map import ExpiringMap
from pykv.engine.namespaces import nothing_to_drop

DEFAULT_SPACE: Final = 0


class Moment(NamedTuple):
    """All rows after the write with sequence number last_seq.

    rows: of the default namespace.  others: of the others, by id.  names: their ids.  last_id: the
    highest ever given.
    """

    rows: ExpiringMap
    last_seq: int
    due_us: int = 0  # the first deadline; 0: there is none
    others: Mapping[int, ExpiringMap] = MappingProxyType({})
    names: Mapping[str, int] = MappingProxyType({})
    last_id: int = DEFAULT_SPACE

    def of(self, space: int) -> ExpiringMap | None:
        """The rows of a namespace; None: it was dropped."""
        return self.rows if space == DEFAULT_SPACE else self.others.get(space)

    def with_rows(self, space: int, rows: ExpiringMap) -> Moment:
        """This moment with other rows in a namespace."""
        if space == DEFAULT_SPACE:
            return self._replace(rows=rows)
        return self._replace(others={**self.others, space: rows})

    def without_expired(self, now_us: int) -> Moment:
        """This moment without what has expired."""
        others = {space: rows.without_expired(now_us) for space, rows in self.others.items()}
        return self._replace(rows=self.rows.without_expired(now_us), others=others)

    def first_deadline_us(self) -> int:
        """The earliest deadline, 0 where there is none."""
        dues = [rows.first_deadline_us() for rows in (self.rows, *self.others.values())]
        return min((due for due in dues if due), default=0)


def applied(rows: ExpiringMap, operation: Operation) -> ExpiringMap:
    """The map after an operation, whatever its namespace."""
    match operation:
        case Put(key, value, deadline_us):
            return rows.set(key, value, deadline_us)
        case Delete(key):
            return rows.remove(key)
        case DeleteRange(start, stop):
            return rows.remove_range(start, stop)


def with_name(moment: Moment, name: str) -> tuple[Moment, int]:
    """The moment with a namespace, and whether that was not there."""
    if name in moment.names:
        return moment, 0
    space = moment.last_id + 1
    others = {**moment.others, space: ExpiringMap()}
    names = {**moment.names, name: space}
    return moment._replace(others=others, names=names, last_id=space), 1


def without_name(moment: Moment, name: str) -> tuple[Moment, int]:
    """The moment without a namespace. KeyError."""
    names, others = dict(moment.names), dict(moment.others)
    space = names.pop(name, None)
    if space is None:
        raise nothing_to_drop(name)
    del others[space]
    return moment._replace(others=others, names=names), 1
