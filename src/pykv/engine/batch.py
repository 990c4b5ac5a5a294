"""Writes on their way to a store: operations, chunks of them, and the batch of a `with` block.

An operation holds checked bytes of its own. A batch is used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias

from pykv.arguments import BytesLike, as_bytes, key_range
from pykv.errors import BatchTooLargeError, ClosedError, NotSupportedError

CHUNK_OPERATIONS_MAX: Final = 1_000
CHUNK_BYTES_MAX: Final = 4 << 20


class Put(NamedTuple):
    """Sets key to value until deadline_us, a time of the store's clock; 0: for ever.

    within: as `StoreBase._within` gives it; None: the store that the operation is written to.
    """

    key: bytes
    value: bytes
    deadline_us: int = 0
    within: object = None


class Delete(NamedTuple):
    """Removes key, silently if it is absent."""

    key: bytes
    within: object = None


class DeleteRange(NamedTuple):
    """Removes [start, stop); stop None is open. Nothing where start >= stop."""

    start: bytes
    stop: bytes | None
    within: object = None


Operation: TypeAlias = Put | Delete | DeleteRange


def operation_bytes(operation: Operation) -> int:
    """Bytes that an operation counts for in a batch: those of its keys and values."""
    return sum([len(part) for part in operation if isinstance(part, bytes)])


def puts(items: Iterable[tuple[BytesLike, BytesLike]]) -> Iterator[Put]:
    """A put without deadline for each (key, value) pair. TypeError for what is no pair."""
    for item in items:
        try:
            key, value = item
        except (TypeError, ValueError):
            raise TypeError(
                f"items must be (key, value) pairs, not {type(item).__name__}: "
                "pass mapping.items() for a mapping"
            ) from None
        yield Put(as_bytes(key, "key"), as_bytes(value, "value"))


def deletes(keys: Iterable[BytesLike]) -> Iterator[Delete]:
    """A delete for each key."""
    return (Delete(as_bytes(key, "key")) for key in keys)


def chunks(
    operations: Iterable[Operation], batch_bytes_max: int = CHUNK_BYTES_MAX
) -> Iterator[list[Operation]]:
    """Lists of at most CHUNK_OPERATIONS_MAX operations or CHUNK_BYTES_MAX bytes, at least one list.

    A larger operation comes alone. Where operations raises, the lists before it have been given.
    """
    bytes_max = min(CHUNK_BYTES_MAX, batch_bytes_max)
    chunk: list[Operation] = []
    chunk_bytes = 0
    for operation in operations:
        more = operation_bytes(operation)
        if chunk and (len(chunk) == CHUNK_OPERATIONS_MAX or chunk_bytes + more > bytes_max):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(operation)
        chunk_bytes += more
    yield chunk


def one_batch(operations: Iterable[Operation], batch_bytes_max: int) -> list[Operation]:
    """All operations in one list. BatchTooLargeError above the limit, but one always fits."""
    batch: list[Operation] = []
    batch_bytes = 0
    for operation in operations:
        batch_bytes += operation_bytes(operation)
        check_batch_bytes(len(batch) + 1, batch_bytes, batch_bytes_max)
        batch.append(operation)
    return batch


def check_batch_bytes(operation_count: int, batch_bytes: int, batch_bytes_max: int) -> None:
    """Raises BatchTooLargeError for more than batch_bytes_max in more than one operation."""
    if operation_count > 1 and batch_bytes > batch_bytes_max:
        raise BatchTooLargeError(
            f"a batch has at most {batch_bytes_max:,} bytes of keys and values, "
            f"this one {batch_bytes:,}"
        )


class BufferedBatch:
    """A batch that collects operations in memory and hands them to `write` in one piece.

    write: the store's atomic write of operations.  deadline_of: the deadline of what is put with a
    ttl now.  within_of: what stands for a namespace in operations.  sync: as in `put`.  ordered:
    whether the store can delete a range.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Operation], bool | None], None],
        deadline_of: Callable[[float | timedelta | None], int],
        within_of: Callable[[object], object],
        *,
        sync: bool | None,
        batch_bytes_max: int,
        ordered: bool,
    ) -> None:
        self._write = write
        self._deadline_of = deadline_of
        self._within_of = within_of
        self._sync = sync
        self._batch_bytes_max = batch_bytes_max
        self._ordered = ordered
        self._entered = False
        self._operations: list[Operation] | None = None
        self._count = 0
        self._bytes = 0

    def __enter__(self) -> Self:
        if self._entered:
            raise ClosedError("a batch is used for one with block")
        self._entered = True
        self._operations = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        operations, self._operations = self._operations, None
        if kind is None and operations is not None:
            self._write(operations, self._sync)

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        state = "closed" if self._operations is None else "open"
        return f"<pykv batch of {self._count} writes, {state}>"

    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        namespace: object = None,
    ) -> None:
        """Adds a put. TypeError, KeyTooLargeError, ValueTooLargeError, BatchTooLargeError.

        ttl: as in `put` of the store, from this call on.  namespace: a handle of the same store,
        None: the one that the batch is of. ValueError for one of another store.
        """
        name, data = as_bytes(key, "key"), as_bytes(value, "value")
        self._add(Put(name, data, self._deadline_of(ttl), self._within_of(namespace)))

    def delete(self, key: BytesLike, *, namespace: object = None) -> None:
        """Adds a delete. TypeError, KeyTooLargeError, BatchTooLargeError; namespace as in put."""
        self._add(Delete(as_bytes(key, "key"), self._within_of(namespace)))

    def delete_range(
        self, start: BytesLike | None, stop: BytesLike | None, *, namespace: object = None
    ) -> None:
        """Adds the delete of [start, stop). NotSupportedError on a store without order."""
        if not self._ordered:
            raise NotSupportedError("delete_range needs an ordered store: this one has no order")
        self._add(DeleteRange(*key_range(start, stop), self._within_of(namespace)))

    def _add(self, operation: Operation) -> None:
        if self._operations is None:
            raise ClosedError(
                "a batch collects writes inside its with block only: with db.batch() as batch: ..."
            )
        more = self._bytes + operation_bytes(operation)
        check_batch_bytes(self._count + 1, more, self._batch_bytes_max)
        self._operations.append(operation)
        self._bytes = more
        self._count += 1
