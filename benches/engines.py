"""Which engines can be measured, by the name the command line and the table use."""

from __future__ import annotations

from importlib.util import find_spec

from benches.rivals_btree import LmdbStore, SqliteStore
from benches.rivals_lsm import PlyvelStore, RocksdictStore
from benches.stores import BenchStore, DictStore, PykvStore

SUBJECT = PykvStore.name
PEERS: tuple[str, ...] = tuple(
    store.name for store in (LmdbStore, PlyvelStore, RocksdictStore, SqliteStore)
)
ENGINES: tuple[str, ...] = (*PEERS, DictStore.name, SUBJECT)

KEYS_MAX: dict[str, int] = {SqliteStore.name: 50_000}
"""Slow engines are measured on fewer keys, and then are never the best peer."""

_CLASSES: dict[str, type[BenchStore]] = {
    store.name: store
    for store in (LmdbStore, PlyvelStore, RocksdictStore, SqliteStore, DictStore, PykvStore)
}


def installed(name: str) -> bool:
    """Whether the library of the engine can be imported. KeyError for an unknown name."""
    spec = find_spec(_CLASSES[name].module)
    return spec is not None and spec.origin is not None


def applies(name: str, row: str) -> bool:
    """Whether the row applies to the engine in its usual configuration."""
    return row not in _CLASSES[name].lacks


def key_count(name: str, keys: int) -> int:
    """How many keys the engine is measured on when `keys` were asked for."""
    return min(keys, KEYS_MAX.get(name, keys))


def make_store(name: str, budget_bytes: int, pykv_engine: str) -> BenchStore:
    """A store of that name, not yet open. KeyError for an unknown name."""
    if name == SUBJECT:
        return PykvStore(budget_bytes, pykv_engine)
    return _CLASSES[name](budget_bytes)
