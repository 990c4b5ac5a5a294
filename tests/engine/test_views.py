"""Views of a store: what they ask the store for."""

from collections.abc import ItemsView, Iterator, KeysView, ValuesView

import pytest

from pykv.engine.memory import Memory
from pykv.engine.views import StoreItems, StoreKeys, StoreValues


@pytest.fixture
def memory() -> Iterator[Memory]:
    with Memory() as store:
        store.update({b"a": b"1", b"b": b"2"})
        yield store


def test_views_are_those_of_collections_abc(memory: Memory) -> None:
    assert isinstance(StoreKeys(memory), KeysView)
    assert isinstance(StoreValues(memory), ValuesView)
    assert isinstance(StoreItems(memory), ItemsView)


def test_lookups_take_what_the_store_takes(memory: Memory) -> None:
    assert bytearray(b"a") in StoreKeys(memory)
    assert StoreItems(memory).__contains__((memoryview(b"a"), b"1"))
    with pytest.raises(TypeError, match="encode"):
        StoreKeys(memory).__contains__("a")


def test_set_operations_give_sets(memory: Memory) -> None:
    assert StoreKeys(memory) | {b"c"} == {b"a", b"b", b"c"}
    assert StoreKeys(memory) < {b"a", b"b", b"c"}
    assert StoreItems(memory) & [(b"a", b"1"), (b"a", b"2")] == {(b"a", b"1")}


def test_each_iteration_shows_its_own_moment(memory: Memory) -> None:
    view = StoreItems(memory)
    first = iter(view)
    memory[b"c"] = b"3"
    assert len(list(first)) == 2
    assert len(list(view)) == len(view) == 3
