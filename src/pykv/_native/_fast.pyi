"""The second module in the shared object of `_core`: the bases of native stores and snapshots as C
types.

What those of `pykv._native._plain` do these do without cffi, StoreBase with put_many and
delete_many besides. Safe from any thread; a scan is used by one thread at a time.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, overload

from pykv.arguments import BytesLike

_T = TypeVar("_T")

class StoreBase:
    def _bind(self, address: int, owner: object, batch_bytes_max: int, /) -> None: ...
    @overload
    def get(self, key: BytesLike) -> bytes | None: ...
    @overload
    def get(self, key: BytesLike, default: _T) -> bytes | _T: ...
    def __getitem__(self, key: BytesLike, /) -> bytes: ...
    def __contains__(self, key: BytesLike, /) -> bool: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: _T) -> list[bytes | _T]: ...
    def put(
        self,
        key: BytesLike,
        value: BytesLike,
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
    ) -> None: ...
    def put_many(
        self,
        items: Iterable[tuple[BytesLike, BytesLike]],
        *,
        ttl: float | timedelta | None = None,
        sync: bool | None = None,
        atomic: bool = False,
    ) -> None: ...
    def delete(self, key: BytesLike, *, sync: bool | None = None) -> None: ...
    def delete_many(self, keys: Iterable[BytesLike], *, sync: bool | None = None) -> None: ...
    def __setitem__(self, key: BytesLike, value: BytesLike, /) -> None: ...
    def __delitem__(self, key: BytesLike, /) -> None: ...
    def _discard(self, key: bytes, sync: bool | None, /) -> bool: ...
    def _scan(
        self,
        kind: int,
        limit: int,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
        /,
    ) -> Iterator[Any]: ...

class SnapshotBase:
    def _bind(self, address: int, snapshot_address: int, owner: object, /) -> None: ...
    @overload
    def get(self, key: BytesLike) -> bytes | None: ...
    @overload
    def get(self, key: BytesLike, default: _T) -> bytes | _T: ...
    def __getitem__(self, key: BytesLike, /) -> bytes: ...
    def __contains__(self, key: BytesLike, /) -> bool: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike]) -> list[bytes | None]: ...
    @overload
    def get_many(self, keys: Iterable[BytesLike], default: _T) -> list[bytes | _T]: ...
    def _scan(
        self,
        kind: int,
        limit: int,
        start: bytes | None = None,
        stop: bytes | None = None,
        reverse: bool = False,
        /,
    ) -> Iterator[Any]: ...
