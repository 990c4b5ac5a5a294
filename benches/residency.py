"""Keeps the files of a directory in the page cache while something is measured.

A system may take pages from files that no process maps although memory is free: proactive reclaim
(DAMON of Linux) does so with what nobody touched for a minute, by regions of memory, so that files
written a second ago lose pages too. Which engine that meets is chance, and each page lost is a
read of the device. Pages that a process maps are left alone.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_POPULATE: int = getattr(mmap, "MAP_POPULATE", 0)


@contextmanager
def resident(directory: Path) -> Iterator[int]:
    """All files below directory as they are now are read and stay mapped while the block runs.

    Gives how many bytes these are. What is made later is not among them, and space of files that
    are deleted comes back behind the block. Where a system cannot read a mapping in at once, files
    are mapped only.
    """
    with ExitStack() as maps:
        yield sum(len(maps.enter_context(each)) for each in _mapped(directory))


def _mapped(directory: Path) -> Iterator[mmap.mmap]:
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):  # A store deletes files at any time.
            if path.is_file() and path.stat().st_size > 0:
                yield _map(path)


def _map(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return mmap.mmap(descriptor, 0, mmap.MAP_SHARED | _POPULATE, mmap.PROT_READ)
    finally:
        os.close(descriptor)
