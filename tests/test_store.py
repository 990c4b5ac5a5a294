"""The Store protocol: what satisfies it, features, reports."""

from collections.abc import Iterator

import pytest

from pykv.engine.memory import Memory
from pykv.errors import Damage
from pykv.store import Batch, OrderedStore, Report, Store


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


def test_a_report_is_good_without_damage() -> None:
    assert Report().ok
    assert Report(record_count=5, lost_record_count=1).ok
    bad = Report(damage_count=70, damages=(Damage(None, 0, "bad"),))
    assert not bad.ok
    assert len(bad.damages) == 1
