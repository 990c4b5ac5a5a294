"""What stores say that they have."""

from collections.abc import Iterator

import pytest

from pykv.engine.memory import Memory
from pykv.features import FEATURES, supports


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory() as store:
        yield store


def test_supports_asks_the_store(memory: Memory) -> None:
    assert supports(memory, "order")
    assert not supports(memory, "persistence")


def test_an_unknown_feature_names_the_near_miss(memory: Memory) -> None:
    with pytest.raises(ValueError, match="no feature 'ordr': did you mean 'order'"):
        supports(memory, "ordr")


def test_every_feature_is_described() -> None:
    assert all(len(text.split()) > 3 for text in FEATURES.values())
