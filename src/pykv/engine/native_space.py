"""Stores of the core that have namespaces, and the namespaces: what both engines do alike."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from pykv._native import Handle, lib
from pykv.arguments import Position
from pykv.engine.namespaces import not_of_this_store
from pykv.engine.native_namespaces import NamespaceHandle, drop, names
from pykv.engine.native_store import NativeStore
from pykv.errors import NotSupportedError


class NativeSpace(NativeStore):
    """The keys of a namespace, or of the default one.

    A class that derives from it adds `namespace`, of its own type.
    """

    _features: ClassVar[frozenset[str]]
    """Those of the engine."""

    __slots__ = ()

    @property
    def features(self) -> frozenset[str]:
        """The names of `pykv.features.FEATURES` that this store has. Never raises."""
        return self._features

    @property
    def _store_handle(self) -> Handle:
        handle: Handle | NamespaceHandle = self._handle
        return handle.store if isinstance(handle, NamespaceHandle) else handle

    def _namespace_handle(self, name: str, create: bool) -> NamespaceHandle:
        self._check_open()
        return NamespaceHandle(self._store_handle, name, create)

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in the order of their bytes; not that of the default one."""
        self._check_open()
        return list(names(self._store_handle))

    def drop_namespace(self, name: str, *, sync: bool | None = None) -> None:
        """Removes a namespace with all its keys in one step. KeyError where there is none.

        Handles to it raise ClosedError from then on. Background work gives its space back.
        """
        self._check_open()
        drop(self._store_handle, name, sync)

    def _within(self, namespace: object) -> object:
        if namespace is None:
            return None
        if (
            not isinstance(namespace, NativeSpace)
            or namespace._store_handle is not self._store_handle
        ):
            raise not_of_this_store(namespace)
        return namespace._handle


class NativeNamespace(NativeSpace):
    """A namespace of a store of the core. Any thread may use it; after a fork the parent only.

    It keeps its store in memory, but not open.
    """

    __slots__ = ()

    def __init__(self, store: NativeSpace, handle: NamespaceHandle) -> None:
        self._adopt(store, handle)

    @property
    def name(self) -> str:
        """The name."""
        handle: Any = self._handle
        name: str = handle.name
        return name

    @property
    def id(self) -> int:
        """The number of the namespace, as `Change.namespace` has it."""
        number: int = lib.pykv_namespace_id(self._handle.pointer)
        return number

    @property
    def features(self) -> frozenset[str]:
        """Those of the store but "changes", which are of all of it."""
        return self._features - {"changes"}

    def __del__(self) -> None:
        """Silent: what a handle left open holds is the store's."""

    def changes(
        self,
        since: Position = 0,
        *,
        follow: bool = False,
        timeout: float | None = None,
        unsynced: bool = False,
    ) -> NoReturn:
        """Not supported: the feed is that of the store."""
        self._check_open()
        raise NotSupportedError(
            "changes are those of all namespaces: ask the store, and look for this id in namespace",
            path=self.path,
        )

    def __repr__(self) -> str:
        return f"<pykv.{type(self).__name__} {self.name!r} of {str(self._path)!r} {self.state}>"
