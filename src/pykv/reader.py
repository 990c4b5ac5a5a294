"""What stores and snapshots read alike: the protocols.

Keys and values are bytes-like as `pykv.arguments` says and come back as bytes. Ranges are
[start, stop) in byte order. Every method may be called from any thread; an iterator is used by one
thread at a time. After close every call but close raises ClosedError.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Sequence, ValuesView
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self, TypeAlias, TypeVar, overload, runtime_checkable

from pykv.arguments import BytesLike
from pykv.arrays import CHUNK_ROWS, ItemsLike, RowChunk, Rows

Row: TypeAlias = tuple[bytes, bytes]
T = TypeVar("T")
Item = TypeVar("Item", covariant=True)


class CloseableIterator(Iterator[Item], Protocol[Item]):
    """What scans and change feeds are: an iterator that can be ended before its last item."""

    def close(self) -> None:
        """Ends it and gives up what it keeps; silent where that is done.

        It has no more items then. A scan is closed by the thread that uses it; a change feed by
        any, and one that waits for changes ends within a moment.
        """


@runtime_checkable
class Reader(Protocol):
    """Reads of a store, each of the moment of its call, or of a snapshot, all of one moment."""

    @property
    def path(self) -> Path | None:
        """Where the store lives; None for one without a place."""

    @property
    def closed(self) -> bool:
        """True after close."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def __bool__(self) -> bool:
        """True while open, also when empty."""

    def __len__(self) -> int:
        """Number of keys, exact; an engine may have to scan for it."""

    def __iter__(self) -> Iterator[bytes]:
        """The keys, at one moment."""

    def __contains__(self, key: BytesLike, /) -> bool: ...

    def __getitem__(self, key: BytesLike, /) -> bytes: ...

    @overload
    def get(self, key: BytesLike) -> bytes | None: ...
    @overload
    def get(self, key: BytesLike, default: T) -> bytes | T: ...
    def get(self, key: BytesLike, default: object = None) -> object:
        """The value of key, or default."""

    def get_view(self, key: BytesLike) -> memoryview | None:
        """A read-only memoryview of the value of key, None if it is absent.

        It shows the bytes that are there now for as long as it or a slice of it lives, whatever
        is written, merged or closed meanwhile, and keeps what they stand in. A store that cannot
        keep that copies.
        """

    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: T) -> list[bytes | T]: ...
    def get_many(self, keys: Iterable[BytesLike], default: object = None) -> Sequence[object]:
        """The value of each key, or default, in the order of keys."""

    def scan(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> CloseableIterator[Row]:
        """The rows of a range, at one moment: that of this call.

        A store without order takes limit only and raises NotSupportedError for the rest.
        """

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

    def keys(self) -> KeysView[bytes]:
        """A lazy view of the keys; each iteration shows its own moment."""

    def values(self) -> ValuesView[bytes]:
        """A lazy view of the values."""

    def items(self) -> ItemsView[bytes, bytes]:
        """A lazy view of the rows."""

    def count(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> int:
        """Number of keys in a range; without arguments that of all."""

    def get_arrays(self, keys: ItemsLike, out: Rows | None = None) -> Rows:
        """The values of keys as arrays, without a Python object a key; see `pykv.arrays`."""

    def scan_arrays(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
        chunk_rows: int = CHUNK_ROWS,
        out: RowChunk | None = None,
    ) -> CloseableIterator[RowChunk]:
        """The rows of scan as arrays, in chunks of up to chunk_rows rows."""


class Cursor(Protocol):
    """Goes over the rows of a range at one moment, in both directions.

    It is made standing before the first row. A move that comes to no row leaves it behind the last
    one, or before the first one if it went back. One thread at a time may use it.
    """

    def seek(self, key: BytesLike, /) -> bool:
        """To the first row from key on; tells whether there is one."""

    def seek_back(self, key: BytesLike, /) -> bool:
        """To the last row up to key; tells whether there is one."""

    def first(self) -> bool:
        """To the first row; tells whether there is one."""

    def last(self) -> bool:
        """To the last row; tells whether there is one."""

    def next(self) -> bool:
        """To the next row; tells whether there is one."""

    def prev(self) -> bool:
        """To the row before; tells whether there is one."""

    @property
    def key(self) -> bytes:
        """The key of the row it stands on; IndexError off the rows."""

    @property
    def value(self) -> bytes:
        """The value of that row; IndexError off the rows."""

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


@runtime_checkable
class OrderedReader(Reader, Protocol):
    """A reader whose scans run in byte order."""

    @property
    def key_order(self) -> Literal["bytes"]:
        """The order of the keys: that of their unsigned bytes. Only ordered stores have this."""

    def cursor(
        self,
        start: BytesLike | None = None,
        stop: BytesLike | None = None,
        *,
        prefix: BytesLike | None = None,
    ) -> Cursor:
        """A cursor over a range at the moment of this call, before its first row."""

    def first(self) -> Row | None:
        """The row with the lowest key, None in an empty store."""

    def last(self) -> Row | None:
        """The row with the highest key."""

    def floor(self, key: BytesLike) -> Row | None:
        """The row with the highest key <= key."""

    def ceiling(self, key: BytesLike) -> Row | None:
        """The row with the lowest key >= key."""


@runtime_checkable
class Snapshot(Reader, Protocol):
    """A store at one moment, whatever is written, flushed or compacted later.

    It keeps what it may still show until it is closed, dropped, or the store is closed.
    """

    @property
    def last_seq(self) -> int:
        """Sequence number of the last write that it shows: where a feed goes on."""

    def expires_at(self, key: BytesLike) -> float | None:
        """When key expires, in seconds since 1970, as of its moment; see `Store.expires_at`."""

    def close(self) -> None:
        """Gives up what it keeps; silent where that is done."""


@runtime_checkable
class OrderedSnapshot(OrderedReader, Snapshot, Protocol):
    """A snapshot whose scans run in byte order."""
