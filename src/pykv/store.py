"""What a store is: the protocols that every engine, shard and replica satisfies.

Keys and values are bytes-like as `pykv.arguments` says and come back as bytes. Ranges are
[start, stop) in byte order. Every method may be called from any thread; an iterator or a batch is
used by one thread at a time. After close every call but close raises ClosedError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar, overload
from typing import runtime_checkable as runtime_checkable

from pykv.arguments import BytesLike, Position, StrPath
from pykv.arrays import ItemsLike
from pykv.reader import CloseableIterator, OrderedReader, OrderedSnapshot, Reader, Snapshot
from pykv.reader import Row as Row
from pykv.reports import BackupVersion as BackupVersion
from pykv.reports import Report as Report

Progress = Callable[[int, int], object]
ChangeKind = Literal[
    "put", "delete", "delete_range", "clear", "ingest", "namespace", "drop_namespace"
]
State = Literal["open", "degraded", "read-only", "failed", "closed"]
T = TypeVar("T")


class Change(NamedTuple):
    """One operation on a store, as `Store.changes` gives it.

    epoch: of the store when it was written.  seq: its sequence number.  kind: what was done.  key,
    value: of a put; a "delete" has no value; a "delete_range" took the keys from key on and before
    value, None: to the last; a "clear" has neither; at an "ingest" rows with keys from key to
    value, both included, came from elsewhere: they are read in the store. A "namespace" was made,
    with the name key; a "drop_namespace" is followed by the delete of its keys.  namespace: the id
    of the namespace, None: the default one. A name that comes back has another id.  last: False
    where the next change was written together with this one, all or nothing.  expires_at: when a
    put expires, in seconds since 1970; None: never.
    """

    epoch: int
    seq: int
    kind: ChangeKind
    key: bytes
    value: bytes | None
    namespace: int | None
    last: bool
    expires_at: float | None

    @property
    def position(self) -> tuple[int, int]:
        """(epoch, seq): behind it `Store.changes` goes on in the history of this change only."""
        return self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class HistoryPin:
    """A wish that changes are kept, as `Store.history_pins` lists it.

    name: its own.  since: what is behind this sequence is kept.  bytes_max: up to so many bytes of
    it, None: all.  expires_at: until then, in seconds since 1970; None: until it is removed.  gone:
    True where it outgrew a limit, and some of it is not kept any more.
    """

    name: str
    since: int
    bytes_max: int | None
    expires_at: float | None
    gone: bool


@runtime_checkable
class Batch(Protocol):
    """Writes that are applied together when the `with` block ends, or not at all.

    An exception in the block discards them. Outside the block every call raises ClosedError.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __len__(self) -> int:
        """Number of writes collected."""

    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        namespace: Any = None,
    ) -> None:
        """Adds a put, of the batch's store or of namespace, a handle to the same; the last of equal
        keys wins. May raise BatchTooLargeError."""

    def delete(self, key: BytesLike, *, namespace: Any = None) -> None:
        """Adds a delete; a missing key is silent."""

    def delete_range(
        self, start: BytesLike | None, stop: BytesLike | None, *, namespace: Any = None
    ) -> None:
        """Adds the delete of [start, stop). NotSupportedError on a store without order."""


@runtime_checkable
class Store(Reader, Protocol):
    """A key-value store. isinstance() looks at names only; `supports` tells what works."""

    @property
    def state(self) -> State:
        """ "open", "degraded", "read-only", "failed" or "closed"; never raises."""

    @property
    def features(self) -> frozenset[str]:
        """The names of FEATURES that this store has; never raises."""

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write, 0 before the first. Every operation has its own."""

    def __setitem__(self, key: BytesLike, value: BytesLike, /) -> None: ...

    def __delitem__(self, key: BytesLike, /) -> None: ...

    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> None:
        """Sets key to value, for ttl seconds or for ever.

        ttl: seconds above 0, or a timedelta; when they have passed the key is absent, in every kind
        of call at once. Setting a key again without ttl lets it stay for ever. A store without the
        feature "ttl" raises NotSupportedError.

        sync=True waits until this write and all before it are on the device, False does not wait
        even in a "sync" store, None does what the store's durability says.
        """

    def delete(self, key: BytesLike, *, sync: bool | None = None) -> None:
        """Removes key; a missing one is silent."""

    def put_many(
        self,
        items: Iterable[tuple[BytesLike, BytesLike]],
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None:
        """Puts (key, value) pairs; the last of equal keys wins.

        Chunks of 1,000 items or 4 MiB are all or nothing each; an iterable that raises keeps the
        chunks before it. atomic=True makes it one batch, which may raise BatchTooLargeError.
        """

    def delete_many(self, keys: Iterable[BytesLike], *, sync: bool | None = None) -> None:
        """Removes keys, in the chunks of put_many."""

    def put_arrays(
        self,
        keys: ItemsLike,
        values: ItemsLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None:
        """put_many of keys and values in arrays, without a Python object a key.

        All of them are checked before the first is written. See `pykv.arrays`.
        """

    def delete_arrays(self, keys: ItemsLike, *, sync: bool | None = None) -> None:
        """delete_many of keys in an array."""

    def put_if_absent(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> bool:
        """Sets key if it is absent; tells whether it did. What has expired is absent.

        With a ttl, a lock that goes by itself where its holder dies.
        """

    def compare_and_set(
        self,
        key: BytesLike,
        expected: BytesLike | None,
        value: BytesLike | None,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> bool:
        """Sets key to value if its value is expected; tells whether it did.

        expected=None stands for an absent key, value=None deletes. The value has the deadline that
        ttl gives, and without ttl none, whatever the one before it had. ValueError: a ttl where
        value is None.
        """

    def touch(
        self, key: BytesLike, ttl: float | timedelta | None, *, sync: bool | None = None
    ) -> bool:
        """Lets key expire ttl from now on, None: never; tells whether it was there. Atomic."""

    def expires_at(self, key: BytesLike) -> float | None:
        """When key expires, in seconds since 1970; None: never. KeyError if it is absent."""

    def snapshot(self) -> Snapshot:
        """The moment of this call, for reads. NotSupportedError in a store without them."""

    def changes(
        self,
        since: Position = 0,
        *,
        follow: bool = False,
        timeout: float | None = None,
        unsynced: bool = False,
    ) -> CloseableIterator[Change]:
        """What was written behind since, in order; 0: all that is kept.

        since: a sequence number, or (epoch, seq) as `Change.position`: HistoryGoneError where the
        store has another history there, which for a number alone nobody checks.
        Ends at this moment, with follow=True, which refreshes a reader, after timeout idle seconds.
        Only what is on the device is given, with unsynced=True also what a loss of power may take
        back.  HistoryGoneError: since is not kept.  NotSupportedError without feature "changes".
        """

    def pin_history(
        self,
        name: str,
        since: Position,
        *,
        bytes_max: int | None = None,
        seconds_max: float | timedelta | None = None,
    ) -> None:
        """Keeps the changes behind since, as in `changes`, durably, while the store is closed too.

        name: 1 to 64 bytes of UTF-8; a pin with it is replaced. It gives way beyond bytes_max bytes
        and after seconds_max: `changes` raises HistoryGoneError. NotSupportedError as `changes`.
        """

    def unpin_history(self, name: str) -> None:
        """Removes a pin; KeyError where there is none."""

    def history_pins(self) -> tuple[HistoryPin, ...]:
        """The pins that are set."""

    def batch(self, *, sync: bool | None = None) -> Batch:
        """A batch for a `with` block."""

    @overload
    def pop(self, key: BytesLike) -> bytes: ...
    @overload
    def pop(self, key: BytesLike, default: T) -> bytes | T: ...
    def pop(self, key: BytesLike, default: object = ...) -> object:
        """Removes key and returns its value, or default; KeyError without one. Atomic."""

    def setdefault(
        self, key: BytesLike, default: BytesLike, *, ttl: float | timedelta | None = None
    ) -> bytes:
        """The value of key, which is set to default if it is absent. Atomic."""

    def update(
        self,
        other: Mapping[Any, BytesLike] | Iterable[tuple[BytesLike, BytesLike]],
        /,
        *,
        ttl: float | timedelta | None = None,
    ) -> None:
        """put_many of a mapping, of a store, or of pairs."""

    def clear(self) -> None:
        """Removes every key in one step."""

    def namespace(self, name: str, *, create: bool = False) -> Store:
        """A handle to keys of their own; KeyError where there is no such namespace, unless create.

        Once it is dropped the handle raises ClosedError. close ends the handle only.
        """

    def namespaces(self) -> list[str]:
        """The names of all namespaces, in the order of their bytes."""

    def drop_namespace(self, name: str, *, sync: bool | None = None) -> None:
        """Removes a namespace with all its keys in one step. KeyError where there is none."""

    def refresh(self) -> int:
        """Moves a store that was opened read-only to the newest state; its last sequence number.
        What was begun stays at its moment. A store that writes does nothing. ReplacedError."""

    def sync(self) -> None:
        """Makes everything written so far durable."""

    def flush(self) -> None:
        """Hands what is buffered to the files of the engine."""

    def compact(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        progress: Progress | None = None,
    ) -> None:
        """Gives back the space of dead rows; progress(done, total) is called now and then."""

    def stats(self) -> dict[str, Any]:
        """Counters and gauges; "engine", "state", "durability", "key_count", "last_seq" always."""

    def metrics(self) -> str:
        """The numbers of stats() as text for Prometheus; `pykv.metrics` takes several stores."""

    def verify(self, *, progress: Progress | None = None) -> Report:
        """Checks every byte and reports what is damaged; damage does not raise."""

    def close(self, timeout: float | None = None) -> None:
        """Ends iterators, syncs and releases everything; waits timeout seconds for calls in
        flight, None for ever. Closing twice is silent."""


@runtime_checkable
class OrderedStore(OrderedReader, Store, Protocol):
    """A store whose scans run in byte order."""

    def snapshot(self) -> OrderedSnapshot:
        """The moment of this call, for reads."""

    def delete_range(
        self, start: BytesLike | None, stop: BytesLike | None, *, sync: bool | None = None
    ) -> None:
        """Removes [start, stop) in one step; nothing where start >= stop."""


@runtime_checkable
class DiskStore(Store, Protocol):
    """A store with the feature "checkpoint": it can be copied while it is written."""

    @property
    def path(self) -> Path:
        """The directory, as given to open."""

    def checkpoint(self, path: StrPath) -> None:
        """Makes a database at path, where nothing may be, with the rows of one moment."""

    def backup(self, repository: StrPath, progress: Progress | None = None) -> BackupVersion:
        """Adds a version with the rows of one moment to a repository of backups."""
