"""Files that a measurement keeps in the page cache."""

import os
from pathlib import Path

import pytest

from benches.residency import resident

PAGE_BYTES = 4096
FILE_BYTES = 64 * PAGE_BYTES


def pages_in_memory(path: Path) -> int:
    """How many pages of a file can be read without waiting for the device."""
    count = 0
    with path.open("rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for offset in range(0, FILE_BYTES, PAGE_BYTES):
            try:
                os.preadv(file.fileno(), [bytearray(PAGE_BYTES)], offset, os.RWF_NOWAIT)
            except BlockingIOError:
                continue
            count += 1
    return count


def written_and_dropped(path: Path) -> None:
    """Makes a file of which the page cache has nothing; skips where that cannot be had."""
    with path.open("wb", buffering=0) as file:
        file.write(os.urandom(FILE_BYTES))
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if pages_in_memory(path) == FILE_BYTES // PAGE_BYTES:
        pytest.skip("the file system keeps all pages in memory")


def test_pages_that_were_dropped_are_in_memory(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    path = tmp_path / "below" / "table"
    written_and_dropped(path)
    with resident(tmp_path) as held:
        assert held == FILE_BYTES
        assert pages_in_memory(path) == FILE_BYTES // PAGE_BYTES


def test_pages_cannot_be_dropped_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "table"
    written_and_dropped(path)
    with resident(tmp_path), path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert pages_in_memory(path) == FILE_BYTES // PAGE_BYTES


def test_files_may_be_empty_and_may_go(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    path = tmp_path / "table"
    path.write_bytes(b"rows")
    with resident(tmp_path) as held:
        path.unlink()
        assert held == len(b"rows")
    with resident(tmp_path / "missing") as held:
        assert held == 0
