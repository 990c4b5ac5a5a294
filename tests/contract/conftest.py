"""The stores under test. A test that takes `subject` or `make_store` runs on each of SUBJECTS.

To put another engine under the contract, add it to SUBJECTS. A test marked `needs("order")` runs
only on subjects with that feature of `pykv.store.FEATURES`, one marked `lacks("order")` on others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import pykv
from pykv.options import make_options
from pykv.store import Store
from tests.contract import minimal_store

MakeStore = Callable[..., Any]


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


def open_lsm(path: Path, **options: object) -> Store:
    return pykv.open(path, engine="lsm", **options)


PERSISTENT = frozenset({"batch", "cas", "consistent_scan", "persistence"})

SUBJECTS = [
    Subject("bitcask", open_bitcask, PERSISTENT | {"snapshot", "ttl"}),
    Subject("lsm", open_lsm, PERSISTENT | {"changes", "order", "snapshot", "ttl"}),
    Subject(
        "memory",
        open_memory,
        frozenset({"order", "batch", "cas", "consistent_scan", "snapshot", "ttl"}),
    ),
    Subject("minimal", open_minimal, PERSISTENT),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" not in metafunc.fixturenames:
        return
    markers = list(metafunc.definition.iter_markers())
    needed = {mark.args[0] for mark in markers if mark.name == "needs"}
    lacked = {mark.args[0] for mark in markers if mark.name == "lacks"}
    fitting = [
        subject
        for subject in SUBJECTS
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


@pytest.fixture
def db(make_store: MakeStore) -> Any:
    """One open store. Typed Any, so that tests may pass wrong arguments."""
    return make_store()
