"""Namespaces: what every store does alike, and what a store without them refuses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pykv.errors import NotSupportedError

if TYPE_CHECKING:
    from pykv.store import Store


class NamespacesBase(ABC):
    """The part of a store that is about namespaces; one without the feature refuses them all."""

    __slots__ = ()

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises ClosedError or ForkedError unless the store takes calls."""

    def namespace(self, name: str, *, create: bool = False) -> Store:
        """A handle to the keys of a namespace. KeyError where there is none, unless create."""
        raise self._without_namespaces()

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in the order of their bytes; not that of the default one."""
        raise self._without_namespaces()

    def drop_namespace(self, name: str, *, sync: bool | None = None) -> None:
        """Removes a namespace with all its keys in one step. KeyError where there is none."""
        raise self._without_namespaces()

    def _within(self, namespace: object) -> object:
        """What stands for a namespace in an operation; None for None."""
        if namespace is None:
            return None
        raise self._without_namespaces()

    def _without_namespaces(self) -> NotSupportedError:
        self._check_open()
        return NotSupportedError(
            f"{type(self).__name__} has no namespaces: keep them in an LSM store, "
            "or begin keys with a prefix",
            path=self.path,
        )


def each_namespace(store: Store) -> Iterator[tuple[str | None, Store]]:
    """The namespaces of store: itself with None, and then each of the others, a handle to it with
    its name, in the order of their bytes.

    Alone is a store without any, and a handle to one of them.  The names are those of the first
    step; a namespace that is dropped meanwhile is passed over.
    """
    is_handle = getattr(store, "name", None) is not None
    names = [] if is_handle or "namespaces" not in store.features else store.namespaces()
    yield None, store
    for name in names:
        with suppress(KeyError):
            yield name, store.namespace(name)


def not_of_this_store(namespace: object) -> Exception:
    """What to raise where a batch is given a handle of something else."""
    if hasattr(namespace, "namespaces"):
        return ValueError("namespace must be a handle of the store that the batch is of")
    return TypeError(f"namespace must be a handle, not {type(namespace).__name__}")


def no_such_namespace(name: str) -> KeyError:
    """What to raise where there is no namespace of that name to be used."""
    return KeyError(f"there is no namespace {name!r}: namespace(name, create=True) makes it")


def nothing_to_drop(name: str) -> KeyError:
    """What to raise where there is no namespace of that name to be dropped."""
    return KeyError(f"there is no namespace {name!r}: namespaces() lists those that there are")
