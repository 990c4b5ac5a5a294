"""What tests of stores on disk share: rows to write, and a look at the files of a store."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def sizes(path: Path) -> Iterator[tuple[Path, int]]:
    """Files and their bytes, but for those that lent threads replace or remove meanwhile."""
    for each in path.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if each.is_file():
                yield each, each.stat().st_size


def bytes_on_disk(path: Path) -> int:
    return sum(size for _, size in sizes(path))


def rows(count: int, size: int = 100) -> dict[bytes, bytes]:
    return {b"key %06d" % i: b"%d-" % i * (size // 8) for i in range(count)}
