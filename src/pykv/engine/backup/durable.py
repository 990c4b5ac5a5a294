"""Files that are there as a whole or not at all, and their checks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from pykv._native import ffi, lib
from pykv.errors import IOFailedError, NoSpaceError

CHUNK_BYTES: Final = 1 << 20
TEMPORARY: Final = ".tmp"

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FAILED: Final = frozenset({errno.EIO, errno.EMFILE, errno.ENFILE, errno.ESTALE})


@contextmanager
def told_as_ours() -> Iterator[None]:
    """Raises what the system refuses as the error that stores raise for it."""
    try:
        yield
    except OSError as error:
        kind = NoSpaceError if error.errno in _FULL else IOFailedError
        if isinstance(error, IOFailedError) or error.errno not in _FULL | _FAILED:
            raise
        path = Path(os.fsdecode(error.filename)) if error.filename else None
        text = str(error) if path is None else f"{path}: {error.strerror}"
        raise kind(text, path=path, errno=error.errno) from error


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Adds the path to what the system refuses by descriptor."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = os.fspath(path)
        raise


def crc32c(data: bytes | memoryview, crc: int = 0) -> int:
    """The crc32c of bytes whose beginning has the check crc, followed by data."""
    checked: int = lib.pykv_crc32c(crc, ffi.from_buffer(data), len(data))
    return checked


def sync_directory(path: Path) -> None:
    """Makes the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Makes a directory that was not there, durably; FileExistsError where anything is."""
    missing = [path]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir()
        sync_directory(each.parent)


def write_whole(path: Path, data: bytes) -> None:
    """Makes or replaces the file at path, durably but for its name."""
    beside = path.with_name(path.name + TEMPORARY)
    with beside.open("wb", buffering=0) as file, _naming(path):
        _write_all(file.fileno(), data)
        os.fsync(file.fileno())
    beside.replace(path)


def copy_synced(source: Path, target: Path, copied: Callable[[int], object]) -> tuple[int, int]:
    """Copies the bytes of source to the new file target, whose bytes are then durable.

    copied: is told the bytes of each piece.  Returns the length and the crc32c.
    """
    length = crc = 0
    with source.open("rb", buffering=0) as file, target.open("xb", buffering=0) as copy:
        while data := file.read(CHUNK_BYTES):
            with _naming(target):
                _write_all(copy.fileno(), data)
            crc = crc32c(data, crc)
            length += len(data)
            copied(len(data))
        with _naming(target):
            os.fsync(copy.fileno())
    return length, crc


def check_of(path: Path, read: Callable[[int], object]) -> tuple[int, int]:
    """The length and the crc32c of a file. read: is told the bytes of each piece."""
    length = crc = 0
    with path.open("rb", buffering=0) as file:
        while data := file.read(CHUNK_BYTES):
            crc = crc32c(data, crc)
            length += len(data)
            read(len(data))
    return length, crc


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def remove_file(path: Path) -> None:
    """Removes a file, if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()
