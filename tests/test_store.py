"""The Store protocol: what satisfies it, features."""

from collections.abc import Iterator

import pytest

from pykv.engine.memory import Memory
from pykv.store import Batch, OrderedStore, Store


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory() as store:
        yield store


def test_an_engine_satisfies_the_protocols(memory: Memory) -> None:
    # The annotations are what mypy checks, the assertions what Python does.
    store: Store = memory
    ordered: OrderedStore = memory
    batch: Batch = memory.batch()
    assert isinstance(store, Store)
    assert isinstance(ordered, OrderedStore)
    assert isinstance(batch, Batch)


def test_a_dict_is_no_store() -> None:
    assert not isinstance({}, Store)
