"""The Store protocol: what satisfies it, features, reports."""

from collections.abc import Iterator

import pytest

from pykv.engine.memory import Memory
from pykv.errors import Damage
from pykv.store import FEATURES, Batch, OrderedStore, Report, Store, supports


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


def test_supports_asks_the_store(memory: Memory) -> None:
    assert supports(memory, "order")
    assert not supports(memory, "persistence")


def test_an_unknown_feature_names_the_near_miss(memory: Memory) -> None:
    with pytest.raises(ValueError, match="no feature 'ordr': did you mean 'order'"):
        supports(memory, "ordr")


def test_every_feature_is_described() -> None:
    assert all(len(text.split()) > 3 for text in FEATURES.values())


def test_a_report_is_good_without_damage() -> None:
    assert Report().ok
    assert Report(record_count=5, lost_record_count=1).ok
    bad = Report(damage_count=70, damages=(Damage(None, 0, "bad"),))
    assert not bad.ok
    assert len(bad.damages) == 1
