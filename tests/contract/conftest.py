"""The stores under test. A test that takes `subject` or `make_store` runs on each of SUBJECTS.

To put another engine under the contract, add it to SUBJECTS. A test marked `needs("order")` runs
only on subjects with that feature of `pykv.features.FEATURES`, one marked `lacks("order")` on the
others.
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

import pykv
from pykv.engine.given_options import make_options
from pykv.store import Store
from tests.contract import minimal_store

MakeStore = Callable[..., Any]


# Stores by the id of the namespace that stands for them in a test.
ROOTS: dict[int, Store] = {}


@dataclass(frozen=True)
class Subject:
    """An engine under test: its name, what opens it, and the features it claims."""

    name: str
    open: Callable[..., Store]
    features: frozenset[str]


def open_memory(path: Path, **options: object) -> Store:
    return pykv.open(path, engine="memory", **options)


def open_minimal(path: Path, **options: object) -> Store:
    engine = minimal_store.ENGINE
    return engine.open(path, make_options(engine.options, engine.name, options))


def open_bitcask(path: Path, **options: object) -> Store:
    return pykv.open(path, engine="bitcask", **options)


def open_packed(path: Path, **options: object) -> Store:
    return open_bitcask(path, **{"compression": "zstd"} | options)


def open_lsm(path: Path, **options: object) -> Store:
    return pykv.open(path, engine="lsm", **options)


def open_named(open_store: Callable[..., Store]) -> Callable[..., Store]:
    """What opens a namespace between two others of a store, which ends with it."""

    def open_namespace(path: Path, **options: object) -> Store:
        store: Any = open_store(path, **options)
        for name in ("before", "named", "behind"):
            store.namespace(name, create=True)[b"other"] = b"value"
        store[b"other"] = store[b"\xffother"] = b"value"
        store.namespace("named").clear()
        named: Any = store.namespace("named")
        ROOTS[id(named)] = store
        return cast(Store, named)

    return open_namespace


# Engines of others, the packages that they need, and what they lack.
ADAPTERS: list[tuple[str, str, set[str]]] = [
    ("sqlite", "sqlite3", set()),
    ("lmdb", "lmdb", {"long_keys"}),
    ("leveldb", "plyvel", {"readers"}),
    ("rocksdb", "rocksdict", {"snapshot"}),
]

PERSISTENT = frozenset({"batch", "cas", "consistent_scan", "long_keys", "persistence", "readers"})
OURS = PERSISTENT | {"changes", "checkpoint", "estimates", "namespaces", "snapshot", "ttl"}
ADAPTED = PERSISTENT | {"order", "snapshot"}

SUBJECTS = [
    Subject("bitcask", open_bitcask, OURS),
    Subject("bitcask-packed", open_packed, OURS),
    Subject("lsm", open_lsm, OURS | {"order", "ingest"}),
    Subject(
        "memory",
        open_memory,
        frozenset(
            {
                "order",
                "batch",
                "cas",
                "consistent_scan",
                "estimates",
                "long_keys",
                "namespaces",
                "snapshot",
                "ttl",
            }
        ),
    ),
    Subject("minimal", open_minimal, PERSISTENT),
    *(
        Subject(name, partial(pykv.open, engine=name), ADAPTED - lacks)
        for name, package, lacks in ADAPTERS
        if importlib.util.find_spec(package)
    ),
]


# Subjects whose stores are namespaces, for modules that do not look at what all of them share.
NAMED_SUBJECTS = [
    Subject(
        f"{each.name}-namespace", open_named(each.open), each.features - {"persistence", "changes"}
    )
    for each in SUBJECTS
    if "namespaces" in each.features
]
NAMED_MODULES = frozenset(
    {
        "test_cursor",
        "test_order",
        "test_scan",
        "test_snapshot",
        "test_ttl",
        "test_writes",
    }
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" not in metafunc.fixturenames:
        return
    markers = list(metafunc.definition.iter_markers())
    needed = {mark.args[0] for mark in markers if mark.name == "needs"}
    lacked = {mark.args[0] for mark in markers if mark.name == "lacks"}
    module = metafunc.module.__name__.rpartition(".")[2]
    subjects = SUBJECTS + NAMED_SUBJECTS if module in NAMED_MODULES else SUBJECTS
    fitting = [
        subject
        for subject in subjects
        if needed <= subject.features and not lacked & subject.features
    ]
    metafunc.parametrize("subject", fitting, ids=lambda subject: subject.name)


@pytest.fixture
def make_store(subject: Subject, tmp_path: Path) -> Iterator[MakeStore]:
    """Opens a store of the subject, each time in a new directory; closes all of them."""
    stores: list[Store] = []

    def make(**options: object) -> Store:
        store = subject.open(tmp_path / f"store-{len(stores)}", **options)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()
        root = ROOTS.pop(id(store), None)
        if root is not None:
            root.close()


@pytest.fixture
def db(make_store: MakeStore) -> Any:
    """One open store. Typed Any, so that tests may pass wrong arguments."""
    return make_store()
