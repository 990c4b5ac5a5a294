"""What reads alike in every store and in every snapshot, over a few primitives.

The base keeps no state and takes no lock. Methods with an underscore take checked bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, KeysView, ValuesView
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self, SupportsIndex, TypeVar, overload

from pykv.arguments import BytesLike, as_bytes
from pykv.engine.arrays import ArrayReaderBase
from pykv.engine.views import StoreItems, StoreKeys, StoreValues
from pykv.errors import ClosedError
from pykv.reader import CloseableIterator, Row

T = TypeVar("T")


class ReaderBase(ArrayReaderBase, ABC):
    """Reads over the primitives of a store or snapshot; equality and hash are by identity."""

    __slots__ = ()

    # A mapping has no last key to begin with: without this, reversed() would count down from len().
    __reversed__ = None

    # ---- primitives ----

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """True after close, of the store too. Never raises."""

    @abstractmethod
    def close(self) -> None:
        """Releases everything; closing twice is silent."""

    @abstractmethod
    def _get(self, key: bytes) -> bytes | None:
        """The value of key, None if it is absent."""

    @abstractmethod
    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[Row]:
        """The rows of a range at the moment of this call, not of the first next()."""

    @abstractmethod
    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range. list(db) asks for it too, so that of all should be cheap."""

    # ---- reading ----

    def __getitem__(self, key: BytesLike, /) -> bytes:
        value = self._get(as_bytes(key, "key"))
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: BytesLike, /) -> bool:
        return self._get(as_bytes(key, "key")) is not None

    def __len__(self) -> int:
        return self.count()

    def __iter__(self) -> Iterator[bytes]:
        return self.scan_keys()

    def __bool__(self) -> bool:
        return not self.closed

    @overload
    def get(self, key: BytesLike) -> bytes | None: ...
    @overload
    def get(self, key: BytesLike, default: T) -> bytes | T: ...
    def get(self, key: BytesLike, default: object = None) -> object:
        """The value of key, or default. TypeError, KeyTooLargeError."""
        value = self._get(as_bytes(key, "key"))
        return default if value is None else value

    def get_view(self, key: BytesLike) -> memoryview | None:
        """A read-only memoryview of the bytes that _get gives, None if the key is absent."""
        value = self._get(as_bytes(key, "key"))
        return None if value is None else memoryview(value)

    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: T) -> list[bytes | T]: ...
    def get_many(self, keys: Iterable[BytesLike], default: object = None) -> list[Any]:
        """The value of each key, or default, in the order of keys."""
        self._check_open()
        return [self.get(key, default) for key in keys]

    def scan_keys(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[bytes]:
        """The keys of scan."""
        rows = self.scan(start, stop, prefix=prefix, reverse=reverse, limit=limit)
        return (key for key, _ in rows)

    def scan_values(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[bytes]:
        """The values of scan."""
        rows = self.scan(start, stop, prefix=prefix, reverse=reverse, limit=limit)
        return (value for _, value in rows)

    def keys(self) -> KeysView[bytes]:
        """A lazy view of the keys."""
        self._check_open()
        return StoreKeys(self)

    def values(self) -> ValuesView[bytes]:
        """A lazy view of the values."""
        self._check_open()
        return StoreValues(self)

    def items(self) -> ItemsView[bytes, bytes]:
        """A lazy view of the rows."""
        self._check_open()
        return StoreItems(self)

    # ---- lifetime ----

    def _check_open(self) -> None:
        if self.closed:
            raise ClosedError(f"{self!r} is closed", path=self.path)

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        place = "" if self.path is None else f" {str(self.path)!r}"
        return f"<pykv.{type(self).__name__}{place} {'closed' if self.closed else 'open'}>"

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be pickled or copied: "
            "send its path and open it there, or copy its items()"
        )
