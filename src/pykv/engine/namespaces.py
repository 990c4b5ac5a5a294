"""Namespaces: what every store does alike, and what a store without them refuses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pykv.errors import NotSupportedError

if TYPE_CHECKING:
    from pykv.store import Store

NAME_BYTES_MAX: Final = 255


def name_bytes(name: str) -> bytes:
    """The name of a namespace as UTF-8. TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"the name of a namespace must be str, not {type(name).__name__}")
    encoded = name.encode()
    if not 0 < len(encoded) <= NAME_BYTES_MAX:
        raise ValueError(
            f"the name of a namespace has 1 to {NAME_BYTES_MAX} bytes of UTF-8, "
            f"this one {len(encoded)}"
        )
    return encoded


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


def refuse_namespaces(store: Store, what: str) -> None:
    """Raises NotSupportedError if store has namespaces, which what, such as "dump", leaves out.

    A handle to one of them, which has a name, has none of its own.
    """
    has_own = "namespaces" in store.features and not hasattr(store, "name")
    names = store.namespaces() if has_own else []
    if names:
        raise NotSupportedError(
            f"{store!r} has namespaces ({', '.join(names[:5])}), which a {what} would leave out: "
            "copy each with export_rows and import_rows, or take a checkpoint or backup",
            path=store.path,
        )


def not_of_this_store(namespace: object) -> Exception:
    """What to raise where a batch is given a handle of something else."""
    if hasattr(namespace, "namespaces"):
        return ValueError("namespace must be a handle of the store that the batch is of")
    return TypeError(f"namespace must be a handle, not {type(namespace).__name__}")


def no_such_namespace(name: str) -> KeyError:
    """What to raise where there is no namespace of that name."""
    return KeyError(f"there is no namespace {name!r}: namespace(name, create=True) makes it")
