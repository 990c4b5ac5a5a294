"""What every store does alike, written once over a few primitives of its engine.

An engine derives from OrderedStoreBase or UnorderedStoreBase of `pykv.engine.order` and supplies
the abstract methods below. Those with an underscore take checked bytes. The base keeps no state and
takes no lock: a method is atomic where the primitive that it calls is.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, NoReturn, TypeVar, overload

from pykv.arguments import BytesLike, Position, as_bytes
from pykv.engine.arrays import ArrayStoreBase
from pykv.engine.batch import BufferedBatch, Operation, Put, chunks, deletes, one_batch, puts
from pykv.engine.expiry import ExpiryBase
from pykv.engine.namespaces import NamespacesBase
from pykv.engine.reading import ReaderBase
from pykv.engine.upkeep import UpkeepBase
from pykv.errors import NotSupportedError, StoreFailedError
from pykv.options import CommonOptions
from pykv.reader import CloseableIterator, Snapshot
from pykv.store import Batch, Change, HistoryPin, Progress, Report, State

T = TypeVar("T")
_MISSING: Final = object()


class StoreBase(ArrayStoreBase, ReaderBase, ExpiryBase, NamespacesBase, UpkeepBase):
    """A store over the primitives of an engine; equality and hash are by identity."""

    __slots__ = ()

    _options: CommonOptions  # Set by the engine when it opens.

    # ---- primitives ----

    @property
    @abstractmethod
    def state(self) -> State:
        """The state of the store; "closed" after close. Never raises."""

    @property
    @abstractmethod
    def features(self) -> frozenset[str]:
        """The names of `pykv.features.FEATURES` that this store has. Never raises."""

    @property
    @abstractmethod
    def last_seq(self) -> int:
        """Sequence number of the last write."""

    @abstractmethod
    def _write(self, operations: Sequence[Operation], sync: bool | None) -> None:
        """Applies operations in order, all or none. None of them: only what sync asks for."""

    @abstractmethod
    def _discard(self, key: bytes, sync: bool | None) -> bool:
        """Removes key and tells whether it was there, in one step."""

    @abstractmethod
    def _compare_and_set(
        self,
        key: bytes,
        expected: bytes | None,
        value: bytes | None,
        deadline_us: int,
        sync: bool | None,
    ) -> bool:
        """Sets key to value (None: removes it) if its value is expected (None: it is absent).

        deadline_us: of the value, 0: none.
        """

    @abstractmethod
    def clear(self) -> None:
        """Removes every key in one step."""

    def refresh(self) -> int:
        """The sequence number of the last write: for a store that shows every write by itself."""
        self._check_open()
        return self.last_seq

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

    def metrics(self) -> str:
        """The numbers of stats() as text for Prometheus; see `pykv.metrics`."""
        from pykv.engine.metrics import metrics

        return metrics([self])

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

    def put_if_absent(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> bool:
        """Sets key if it is absent; tells whether it did."""
        name, data = as_bytes(key, "key"), as_bytes(value, "value")
        return self._compare_and_set(name, None, data, self._deadline_of(ttl), sync)

    def compare_and_set(
        self,
        key: BytesLike,
        expected: BytesLike | None,
        value: BytesLike | None,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> bool:
        """Sets key to value (None: removes it) if its value is expected (None: it is absent)."""
        if value is None and ttl is not None:
            raise ValueError("ttl is of a value that is set, and value=None removes the key")
        return self._compare_and_set(
            as_bytes(key, "key"),
            None if expected is None else as_bytes(expected, "expected"),
            None if value is None else as_bytes(value, "value"),
            self._deadline_of(ttl),
            sync,
        )

    def snapshot(self) -> Snapshot:
        """The moment of this call, for reads. NotSupportedError where the engine has none."""
        self._check_open()
        raise NotSupportedError(
            f"{type(self).__name__} keeps no snapshots: a scan of it shows one moment, "
            "or keep the rows in an LSM store",
            path=self.path,
        )

    def changes(
        self,
        since: Position = 0,
        *,
        follow: bool = False,
        timeout: float | None = None,
        unsynced: bool = False,
    ) -> CloseableIterator[Change]:
        """What was written, in order. NotSupportedError where the engine keeps no history."""
        self._refuse_history()

    def pin_history(
        self,
        name: str,
        since: Position,
        *,
        bytes_max: int | None = None,
        seconds_max: float | timedelta | None = None,
    ) -> None:
        """Keeps changes. NotSupportedError where the engine keeps no history."""
        self._refuse_history()

    def unpin_history(self, name: str) -> None:
        """Removes a pin. NotSupportedError where the engine keeps no history."""
        self._refuse_history()

    def history_pins(self) -> tuple[HistoryPin, ...]:
        """The pins that are set. NotSupportedError where the engine keeps no history."""
        self._refuse_history()

    def _refuse_history(self) -> NoReturn:
        self._check_open()
        raise NotSupportedError(
            f"{type(self).__name__} has no change feed: keep the rows in a store on disk",
            path=self.path,
        )

    def batch(self, *, sync: bool | None = None) -> Batch:
        """A batch for a `with` block; an exception in the block discards it."""
        self._check_open()
        return BufferedBatch(
            self._write,
            self._deadline_of,
            self._within,
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
            if self._compare_and_set(exact, value, None, 0, None):
                return value
        if default is _MISSING:
            raise KeyError(key)
        return default

    def setdefault(
        self, key: BytesLike, default: BytesLike, *, ttl: float | timedelta | None = None
    ) -> bytes:
        """The value of key, which is set to default if it is absent. Atomic."""
        exact, wanted = as_bytes(key, "key"), as_bytes(default, "value")
        self._deadline_of(ttl)  # refused whether the key is there or not
        while (value := self._get(exact)) is None:
            if self._compare_and_set(exact, None, wanted, self._deadline_of(ttl), None):
                return wanted
        return value

    def update(
        self,
        other: Mapping[Any, BytesLike] | Iterable[tuple[BytesLike, BytesLike]],
        /,
        *,
        ttl: float | timedelta | None = None,
    ) -> None:
        """put_many of a mapping, of a store, or of pairs."""
        items = getattr(other, "items", None)
        self.put_many(other if items is None else items(), ttl=ttl)

    # ---- lifetime ----

    @property
    def closed(self) -> bool:
        """True after close."""
        return self.state == "closed"

    def __repr__(self) -> str:
        place = "" if self.path is None else f" {str(self.path)!r}"
        return f"<pykv.{type(self).__name__}{place} {self.state}>"

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

    def __del__(self) -> None:
        try:
            left_open = not self.closed
        except AttributeError:
            return  # The constructor failed before there was anything to close.
        if left_open:
            try:
                warnings.warn(f"{self!r} was left open", ResourceWarning, stacklevel=2, source=self)
            finally:
                self.close()
