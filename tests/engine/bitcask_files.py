"""What tests of the Bitcask share: how it is made, and its files."""

from collections.abc import Callable
from pathlib import Path

from pykv.engine.bitcask import Bitcask
from tests.engine.store_files import sizes

Make = Callable[..., Bitcask]


def segments(path: Path) -> list[Path]:
    """The files with records, oldest first, told by their growth with what is written."""
    return sorted(each for each, size in sizes(path) if size > 4_096)
