"""The mark of an unfinished conversion: what is converted, and how far that is, durably.

A JSON object in one file that is replaced whole. Keys in it are in hexadecimal.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pykv.engine import CONVERTING_NAME, MARK_NAME, UNFINISHED_NAME
from pykv.engine.backup.durable import make_directory, remove_file, sync_directory, write_whole
from pykv.errors import FormatError

FORMAT: Final = 1
# What may be there before the first mark; the lock is left by whoever tried to open it.
_OURS: Final = frozenset({CONVERTING_NAME, UNFINISHED_NAME, "LOCK"})


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a conversion.

    engine: of the target.  source: the path of the source, for people.  identity: what tells the
    source, and its moment, from others.  row_count: rows whose copies are durable.  last_key: the
    last of them, where the source has order, in namespace, None: the default one.  is_moving: both
    sides were found equal, and the files of the target are on their way.
    """

    engine: str
    source: str
    identity: dict[str, Any]
    row_count: int = 0
    last_key: bytes | None = None
    namespace: str | None = None
    is_moving: bool = False


class Place:
    """The directory where a database is being made, and its mark. Used by one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.work = path / CONVERTING_NAME
        self.data = self.work / "data"
        self._mark = self.work / MARK_NAME

    def read(self) -> Mark | None:
        """The mark, None where there is none. FormatError for one that cannot be read."""
        try:
            text = self._mark.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fields = json.loads(text)
            if fields.pop("format") != FORMAT:
                raise ValueError("another format")
            last = fields.pop("last_key")
            return Mark(**fields, last_key=None if last is None else bytes.fromhex(last))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FormatError(f"{self._mark} is no mark of a conversion: {error}") from error

    def write(self, mark: Mark) -> None:
        """Replaces the mark, durably."""
        last = None if mark.last_key is None else mark.last_key.hex()
        fields = {"format": FORMAT, **asdict(mark), "last_key": last}
        write_whole(self._mark, json.dumps(fields, indent=1).encode() + b"\n")
        sync_directory(self.work)

    def make(self, mark: Mark) -> None:
        """Makes the directories and the mark. FileExistsError where there is anything but an empty
        directory."""
        if not self.path.is_dir():
            make_directory(self.path)
        elif {each.name for each in self.path.iterdir()} - _OURS:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(self.path))
        (self.path / UNFINISHED_NAME).touch()
        self.work.mkdir(exist_ok=True)
        sync_directory(self.path)
        self.write(mark)

    def finish(self, mark: Mark) -> None:
        """Moves the files of the database, which is closed, to their place; may be repeated."""
        self.write(replace(mark, is_moving=True))
        if self.data.exists():
            names = [each.name for each in self.data.iterdir() if each.name != "LOCK"]
            # The manifest last: it makes them a database.
            for name in sorted(names, key=lambda each: each == "MANIFEST"):
                if name == "MANIFEST":
                    sync_directory(self.path)
                (self.data / name).replace(self.path / name)
        remove_file(self.path / UNFINISHED_NAME)
        sync_directory(self.path)
        # The mark last: as long as it is there, the same call comes to its end.
        if self.data.exists():
            shutil.rmtree(self.data)
        remove_file(self._mark)
        self._remove()

    def take_back(self) -> None:
        """Removes what a conversion that cannot go on has made."""
        # The mark first: it tells of rows that are removed behind it.
        remove_file(self._mark)
        self._remove()
        remove_file(self.path / UNFINISHED_NAME)
        # What failed is to be told, not that a directory with a lock or a mount stays.
        with suppress(OSError):
            self.path.rmdir()

    def _remove(self) -> None:
        shutil.rmtree(self.work)
        sync_directory(self.path)


def resolved(path: Path) -> str:
    """The path of a source, as text for people."""
    return os.fsdecode(path.resolve())
