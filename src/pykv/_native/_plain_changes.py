"""Change feeds over cffi: the plain twin of the type in `pykv._native._fast`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from pykv._native._core import ffi, lib
from pykv._native.ownership import own
from pykv._native.status import check

if TYPE_CHECKING:
    from _cffi_backend import FFI

WAIT_SLICE_US: Final = 100_000
_KINDS: Final = {
    lib.PYKV_CHANGE_PUT: "put",
    lib.PYKV_CHANGE_DELETE: "delete",
    lib.PYKV_CHANGE_CLEAR: "clear",
    lib.PYKV_CHANGE_DELETE_RANGE: "delete_range",
    lib.PYKV_CHANGE_INGEST: "ingest",
    lib.PYKV_CHANGE_NAMESPACE: "namespace",
    lib.PYKV_CHANGE_DROP: "drop_namespace",
}


class Changes:
    """An iterator over a pykv_changes, which it closes at the end and when it is dropped."""

    __slots__ = (
        "_busy",
        "_change_type",
        "_chunk_out",
        "_closing",
        "_count_out",
        "_feed_owner",
        "_life",
        "_next",
        "_owner",
        "_pointer",
        "_wait_us",
    )

    def __init__(
        self,
        pointer: FFI.CData,
        owner: FFI.CData,
        since: tuple[int, int | None],
        flags: int,
        timeout_us: int,
        change_type: Any,
    ) -> None:
        position: Any = ffi.new("pykv_position *")
        position.sequence = since[0]
        position.epoch = since[1] or 0
        position.has_epoch = since[1] is not None
        self._feed_owner: Any = ffi.new("pykv_changes **")
        self._life = own(
            self._feed_owner,
            lib.pykv_changes_close,
            lambda out: lib.pykv_changes_open_at(pointer, position, flags, out),
            kept=owner,
        )
        self._owner = owner
        self._pointer = pointer
        self._wait_us = timeout_us
        self._change_type = change_type
        self._chunk_out: Any = ffi.new("pykv_change **")
        self._count_out: Any = ffi.new("size_t *")
        self._next = 0  # of the chunk
        self._busy = False  # the chunk is in use
        self._closing = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        check(lib.pykv_check_open(self._pointer))
        if self._busy:
            raise RuntimeError(
                "another thread is in the middle of this feed: give each thread its own"
            )
        self._busy = True
        try:
            change = self._next_change()
        finally:
            self._busy = False
            if self._closing:
                self._life.end()
        if change is None:
            self.close()
            raise StopIteration
        return change

    def close(self) -> None:
        """Ends it, from any thread: a wait for changes ends within a moment."""
        self._closing = True
        if not self._busy:
            self._life.end()

    def _next_change(self) -> Any:
        """The next change, None at the end."""
        if self._next >= self._count_out[0] and not self._closing:
            self._fetch()
        if self._next >= self._count_out[0] or self._closing:
            return None
        change = self._made(self._chunk_out[0][self._next])
        self._next += 1
        return change

    def _fetch(self) -> None:
        """Fetches the next chunk, which is empty at the end.

        Signals get through between slices; a chunk that had come by then stays for the next call.
        """
        left = self._wait_us
        while True:
            self._count_out[0] = 0
            self._next = 0
            part = WAIT_SLICE_US if left < 0 else min(left, WAIT_SLICE_US)
            check(
                lib.pykv_changes_next(
                    self._feed_owner[0], 0, part, self._chunk_out, self._count_out
                )
            )
            left -= part if left > 0 else 0
            if self._count_out[0] or not left or self._closing:
                break

    def _made(self, raw: Any) -> Any:
        return self._change_type(
            raw.epoch,
            raw.sequence,
            _KINDS[raw.kind],
            ffi.buffer(raw.key, raw.key_length)[:],
            ffi.buffer(raw.value, raw.value_length)[:] if raw.has_value else None,
            raw.namespace_id or None,
            bool(raw.last),
            raw.deadline_us / 1e6 if raw.deadline_us else None,
        )
