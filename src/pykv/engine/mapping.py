"""What every store does alike, written once over a few primitives of its engine.

An engine derives from OrderedStoreBase or UnorderedStoreBase of `pykv.engine.order` and supplies
the abstract methods below. Those with an underscore take checked bytes. The base keeps no state and
takes no lock: a method is atomic where the primitive that it calls is.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, Sequence, ValuesView
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self, SupportsIndex, TypeVar, overload

from pykv.arguments import BytesLike, as_bytes
from pykv.engine.batch import BufferedBatch, Operation, Put, chunks, deletes, one_batch, puts
from pykv.engine.expiry import ExpiryBase
from pykv.engine.views import StoreItems, StoreKeys, StoreValues
from pykv.errors import ClosedError, StoreFailedError
from pykv.options import CommonOptions
from pykv.store import Batch, Progress, Report, Row, State

T = TypeVar("T")
_MISSING: Final = object()


class StoreBase(ExpiryBase):
    """A store over the primitives of an engine; equality and hash are by identity."""

    __slots__ = ()

    _options: CommonOptions  # Set by the engine when it opens.

    # A mapping has no last key to begin with: without this, reversed() would count down from len().
    __reversed__ = None

    # ---- primitives ----

    @property
    @abstractmethod
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @property
    @abstractmethod
    def state(self) -> State:
        """The state of the store; "closed" after close. Never raises."""

    @property
    @abstractmethod
    def features(self) -> frozenset[str]:
        """The names of `pykv.store.FEATURES` that this store has. Never raises."""

    @property
    @abstractmethod
    def last_seq(self) -> int:
        """Sequence number of the last write."""

    @abstractmethod
    def _get(self, key: bytes) -> bytes | None:
        """The value of key, None if it is absent."""

    @abstractmethod
    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        """Applies operations in order, all or none. None of them: only what sync asks for."""

    @abstractmethod
    def _discard(self, key: bytes, sync: bool | None) -> bool:
        """Removes key and tells whether it was there, in one step."""

    @abstractmethod
    def _compare_and_set(
        self, key: bytes, expected: bytes | None, value: bytes | None, sync: bool | None
    ) -> bool:
        """Sets key to value (None: removes it) if its value is expected (None: it is absent)."""

    @abstractmethod
    def clear(self) -> None:
        """Removes every key in one step."""

    @abstractmethod
    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> Iterator[Row]:
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

    @abstractmethod
    def sync(self) -> None:
        """Makes everything written so far durable."""

    @abstractmethod
    def flush(self) -> None:
        """Hands what is buffered to the files of the engine."""

    @abstractmethod
    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Gives back the space of dead rows."""

    @abstractmethod
    def stats(self) -> dict[str, Any]:
        """Counters and gauges."""

    @abstractmethod
    def verify(self, *, progress: Progress | None = None) -> Report:
        """Checks every byte and reports what is damaged."""

    @abstractmethod
    def close(self, timeout: float | None = None) -> None:
        """Releases everything; closing twice is silent."""

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
    ) -> Iterator[bytes]:
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
    ) -> Iterator[bytes]:
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

    # ---- writing ----

    def __setitem__(self, key: BytesLike, value: BytesLike, /) -> None:
        self.put(key, value)

    def __delitem__(self, key: BytesLike, /) -> None:
        if not self._discard(as_bytes(key, "key"), None):
            raise KeyError(key)

    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> None:
        """Sets key to value. TypeError, KeyTooLargeError, ValueTooLargeError."""
        name, data = as_bytes(key, "key"), as_bytes(value, "value")
        self._write((Put(name, data, self._deadline_of(ttl)),), sync)

    def delete(self, key: BytesLike, *, sync: bool | None = None) -> None:
        """Removes key; a missing one is silent."""
        self._discard(as_bytes(key, "key"), sync)

    def put_many(
        self,
        items: Iterable[tuple[BytesLike, BytesLike]],
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None:
        """Puts (key, value) pairs in chunks that are all or nothing; atomic=True makes one.

        The ttl of a chunk begins when the chunk is written.
        """
        self._check_open()
        self._deadline_of(ttl)
        bytes_max = self._options.batch_bytes_max
        if atomic:
            self._write(self._dated(one_batch(puts(items), bytes_max), ttl), sync)
            return
        for chunk in chunks(puts(items), bytes_max):
            self._write(self._dated(chunk, ttl), sync)

    def delete_many(self, keys: Iterable[BytesLike], *, sync: bool | None = None) -> None:
        """Removes keys, in the chunks of put_many; missing ones are silent."""
        self._check_open()
        for chunk in chunks(deletes(keys), self._options.batch_bytes_max):
            self._write(chunk, sync)

    def put_if_absent(self, key: BytesLike, value: BytesLike, *, sync: bool | None = None) -> bool:
        """Sets key if it is absent; tells whether it did."""
        return self._compare_and_set(as_bytes(key, "key"), None, as_bytes(value, "value"), sync)

    def compare_and_set(
        self,
        key: BytesLike,
        expected: BytesLike | None,
        value: BytesLike | None,
        *,
        sync: bool | None = None,
    ) -> bool:
        """Sets key to value (None: removes it) if its value is expected (None: it is absent)."""
        return self._compare_and_set(
            as_bytes(key, "key"),
            None if expected is None else as_bytes(expected, "value"),
            None if value is None else as_bytes(value, "value"),
            sync,
        )

    def batch(self, *, sync: bool | None = None) -> Batch:
        """A batch for a `with` block; an exception in the block discards it."""
        self._check_open()
        return BufferedBatch(
            self._write,
            self._deadline_of,
            sync=sync,
            batch_bytes_max=self._options.batch_bytes_max,
            ordered="order" in self.features,
        )

    @overload
    def pop(self, key: BytesLike) -> bytes: ...
    @overload
    def pop(self, key: BytesLike, default: T) -> bytes | T: ...
    def pop(self, key: BytesLike, default: object = _MISSING) -> object:
        """Removes key and returns its value, or default; KeyError without one. Atomic."""
        exact = as_bytes(key, "key")
        while (value := self._get(exact)) is not None:
            if self._compare_and_set(exact, value, None, None):
                return value
        if default is _MISSING:
            raise KeyError(key)
        return default

    def setdefault(self, key: BytesLike, default: BytesLike) -> bytes:
        """The value of key, which is set to default if it is absent. Atomic."""
        exact, wanted = as_bytes(key, "key"), as_bytes(default, "value")
        while (value := self._get(exact)) is None:
            if self._compare_and_set(exact, None, wanted, None):
                return wanted
        return value

    def update(
        self, other: Mapping[Any, BytesLike] | Iterable[tuple[BytesLike, BytesLike]], /
    ) -> None:
        """put_many of a mapping, of a store, or of pairs."""
        items = getattr(other, "items", None)
        self.put_many(other if items is None else items())

    # ---- lifetime ----

    @property
    def closed(self) -> bool:
        """True after close."""
        return self.state == "closed"

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
        try:
            self.close()
        except StoreFailedError:
            # A block that raised has more to say than that its store had failed.
            if error is None:
                raise

    def __repr__(self) -> str:
        place = "" if self.path is None else f" {str(self.path)!r}"
        return f"<pykv.{type(self).__name__}{place} {self.state}>"

    def __reduce_ex__(self, _protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} store cannot be pickled or copied: "
            "send its path and open it there, or copy its items()"
        )

    def __del__(self) -> None:
        try:
            left_open = not self.closed
        except AttributeError:
            return  # The constructor failed before there was anything to close.
        if left_open:
            warnings.warn(f"{self!r} was left open", ResourceWarning, stacklevel=2, source=self)
            self.close()
