"""The lazy views that keys(), values() and items() of a store or snapshot return.

A view holds no rows: each iteration shows the moment it began, each lookup its own.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Any

from pykv.reader import Reader, Row


class StoreKeys(KeysView[bytes]):
    """The keys of a store; set operations give a set."""

    __slots__ = ("_store",)

    def __init__(self, store: Reader) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[bytes]:
        return self._store.scan_keys()

    def __contains__(self, key: Any) -> bool:
        return key in self._store

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store!r})"


class StoreValues(ValuesView[bytes]):
    """The values of a store; `in` looks at all of them."""

    __slots__ = ("_store",)

    def __init__(self, store: Reader) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[bytes]:
        return self._store.scan_values()

    def __contains__(self, value: object) -> bool:
        return any(each == value for each in self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store!r})"


class StoreItems(ItemsView[bytes, bytes]):
    """The (key, value) rows of a store; set operations give a set."""

    __slots__ = ("_store",)

    def __init__(self, store: Reader) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[Row]:
        return self._store.scan()

    def __contains__(self, item: Any) -> bool:
        key, value = item
        found = self._store.get(key)
        return found is not None and found == value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._store!r})"
