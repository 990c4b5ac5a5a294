"""From a status of the C core to the exception of `pykv.errors`, by one table.

The detail of a failure is kept by the core for the thread it happened on, until the next one there:
the exception is made on the same thread, before anything else is called.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from pykv._native._core import ffi, lib
from pykv.errors import (
    BatchTooLargeError,
    ClosedError,
    CommitUnknownError,
    CorruptionError,
    Damage,
    ForkedError,
    FormatError,
    HistoryGoneError,
    InternalError,
    InvalidOptionError,
    IOFailedError,
    KeyTooLargeError,
    LockedError,
    NoSpaceError,
    NotSupportedError,
    ReadOnlyError,
    ReplacedError,
    SnapshotGoneError,
    StoreFailedError,
    ValueTooLargeError,
)

OK = lib.PYKV_OK
NOT_FOUND = lib.PYKV_NOT_FOUND


class Detail(NamedTuple):
    """What the core said about a failure; path None and numbers 0 where it said nothing."""

    text: str
    path: Path | None
    system_errno: int
    offset: int
    expected: int
    got: int
    owner_pid: int


def text_of_damage(text: str, path: Path | None) -> str:
    """What is wrong, without the path, the place and the numbers that a Damage has by itself."""
    return text.removeprefix(f"{path}: ").partition(" at offset ")[0]


def _corruption(detail: Detail) -> Exception:
    text = text_of_damage(detail.text, detail.path)
    damage = Damage(detail.path, detail.offset, text, detail.expected, detail.got)
    return CorruptionError(detail.text, path=detail.path, damages=(damage,))


def _invalid(detail: Detail) -> Exception:
    if detail.system_errno:
        # A path that the system refuses for what it is, as one that is too long.
        return _of_path(detail.system_errno)(detail)
    return InvalidOptionError(detail.text, path=detail.path)


def _locked(detail: Detail) -> Exception:
    return LockedError(detail.text, path=detail.path, pid=detail.owner_pid or None)


def _io_failed(detail: Detail) -> Exception:
    return IOFailedError(detail.text, path=detail.path, errno=detail.system_errno or None)


def _no_space(detail: Detail) -> Exception:
    return NoSpaceError(detail.text, path=detail.path, errno=detail.system_errno or errno.ENOSPC)


def _of_path(number: int) -> Callable[[Detail], Exception]:
    """OSError picks its class by errno: FileNotFoundError, FileExistsError and so on."""

    def make(detail: Detail) -> Exception:
        place = None if detail.path is None else str(detail.path)
        return OSError(number, _without_path(detail), place)

    return make


def _without_path(detail: Detail) -> str:
    """The text without the path and the errno that the exception shows by itself."""
    text = detail.text.removeprefix(f"{detail.path}: ")
    return text.removesuffix(f" (errno {detail.system_errno})")


_MAKERS: dict[int, Callable[[Detail], Exception]] = {
    lib.PYKV_NOT_FOUND: lambda detail: KeyError(detail.text),
    lib.PYKV_TIMED_OUT: lambda detail: TimeoutError(detail.text),
    lib.PYKV_INVALID_ARGUMENT: _invalid,
    lib.PYKV_KEY_TOO_LARGE: lambda detail: KeyTooLargeError(detail.text),
    lib.PYKV_VALUE_TOO_LARGE: lambda detail: ValueTooLargeError(detail.text),
    lib.PYKV_BATCH_TOO_LARGE: lambda detail: BatchTooLargeError(detail.text),
    lib.PYKV_CORRUPTION: _corruption,
    lib.PYKV_LOCKED: _locked,
    lib.PYKV_READ_ONLY: lambda detail: ReadOnlyError(detail.text, path=detail.path),
    lib.PYKV_CLOSED: lambda detail: ClosedError(detail.text, path=detail.path),
    lib.PYKV_FORKED: lambda detail: ForkedError(detail.text, path=detail.path),
    lib.PYKV_IO_FAILED: _io_failed,
    lib.PYKV_NO_SPACE: _no_space,
    lib.PYKV_STORE_FAILED: lambda detail: StoreFailedError(detail.text, path=detail.path),
    lib.PYKV_COMMIT_UNKNOWN: lambda detail: CommitUnknownError(detail.text, path=detail.path),
    lib.PYKV_FORMAT: lambda detail: FormatError(detail.text, path=detail.path),
    lib.PYKV_NOT_SUPPORTED: lambda detail: NotSupportedError(detail.text, path=detail.path),
    lib.PYKV_NO_MEMORY: lambda detail: MemoryError(detail.text),
    lib.PYKV_INTERNAL: lambda detail: InternalError(detail.text, path=detail.path),
    lib.PYKV_PATH_NOT_FOUND: _of_path(errno.ENOENT),
    lib.PYKV_PATH_EXISTS: _of_path(errno.EEXIST),
    lib.PYKV_NO_PERMISSION: _of_path(errno.EACCES),
    lib.PYKV_NOT_A_DIRECTORY: _of_path(errno.ENOTDIR),
    lib.PYKV_HISTORY_GONE: lambda detail: HistoryGoneError(detail.text, path=detail.path),
    lib.PYKV_REPLACED: lambda detail: ReplacedError(detail.text, path=detail.path),
    lib.PYKV_SNAPSHOT_GONE: lambda detail: SnapshotGoneError(detail.text, path=detail.path),
}


def error_of(status: int) -> Exception:
    """The exception for the last failure of this thread, whose status is given."""
    last = lib.pykv_last_error()
    path = text_of(last.path)
    detail = Detail(
        text=text_of(last.text) or text_of(lib.pykv_status_name(status)),
        path=Path(path) if path else None,
        system_errno=last.system_errno,
        offset=last.offset,
        expected=last.expected,
        got=last.got,
        owner_pid=last.owner_pid,
    )
    maker = _MAKERS.get(status)
    if maker is None:
        return InternalError(f"unexpected status {status}: {detail.text}", path=detail.path)
    return maker(detail)


def check(status: int) -> None:
    """Raises the exception of a status other than PYKV_OK. Call it on the thread that got it."""
    if status != OK:
        raise error_of(status)


def text_of(chars: Any) -> str:
    """A string of the core, in which a path may be any bytes."""
    return os.fsdecode(ffi.string(chars))
