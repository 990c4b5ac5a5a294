"""The place in the directory of a store where a backup makes its checkpoint, so that links work.

What a process that died in a backup left there keeps the space of its files: it goes with the next
open to write.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Final

_BEGIN: Final = ".backup-"
_CHECKPOINT: Final = "checkpoint"
_NAME: Final = re.compile(rf"{re.escape(_BEGIN)}[0-9]+")

_numbers = count()
_in_use: set[Path] = set()
_in_use_lock = threading.Lock()


@contextmanager
def place_in(home: Path) -> Iterator[Path]:
    """A path below the directory home where nothing is; what is made there, and in the directory
    that it is in, goes at the end."""
    with _in_use_lock:
        places = (home / f"{_BEGIN}{number}" for number in _numbers)
        path = next(each for each in places if not each.exists())
        _in_use.add(path)
    try:
        path.mkdir()
        yield path / _CHECKPOINT
    finally:
        shutil.rmtree(path, ignore_errors=True)
        with _in_use_lock:
            _in_use.discard(path)


def left_in(home: Path) -> list[Path]:
    """What backups have in home, but for those of this process that are under way."""
    # Names alone: a store has thousands of files, and every open comes here.
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(home) as entries:
        begun = (each.name for each in entries if each.name.startswith(_BEGIN))
        found = [home / name for name in begun if _NAME.fullmatch(name)]
        with _in_use_lock:
            return [each for each in found if each not in _in_use]
    return []


def remove_left(home: Path) -> None:
    """Removes what backups that died have left. This process has the store in home to write."""
    for left in left_in(home):
        shutil.rmtree(left, ignore_errors=True)
