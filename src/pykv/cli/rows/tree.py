"""A directory as rows: the path of each file below it, with "/" between the parts, and its bytes.

Symbolic links and special files are left out, and so are empty directories: they have no contents.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pykv.cli.coding import DataError
from pykv.cli.rows.row import Row

_NAME_BYTES_MAX: Final = 255


class KeyPathError(DataError):
    """A key that is not the path of a file below a directory."""


def files_of(directory: Path, without: str | None = None) -> list[Path]:
    """The regular files below directory, sorted. OSError where it cannot be listed.

    without: the name of folders that are left out with all that is in them.
    """
    found = []
    folders = [directory]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != without:
                        folders.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    found.append(Path(entry.path))
    return sorted(found)


def key_of(file: Path, directory: Path) -> bytes:
    """The key of a file below directory: its path from there."""
    return os.fsencode(file.relative_to(directory).as_posix())


def read_tree(files: Iterable[Path], directory: Path) -> Iterator[tuple[bytes, bytes]]:
    """The rows of files below directory, each read when its turn comes. OSError."""
    for file in files:
        yield key_of(file, directory), file.read_bytes()


def write_tree(rows: Iterable[Row], directory: Path) -> None:
    """Writes each row to its file below directory, which is made. Deadlines are lost.

    KeyPathError for a key that would lead elsewhere, FileExistsError or NotADirectoryError for one
    that is both a file and a directory of others.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for row in rows:
        file = directory / path_of(row[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            stream.write(row[1])


def path_of(key: bytes) -> Path:
    """The relative path that key stands for. KeyPathError if it is none."""
    parts = key.split(b"/")
    for part in parts:
        if part in (b"", b".", b"..") or b"\0" in part or len(part) > _NAME_BYTES_MAX:
            raise KeyPathError(
                f"the key {key[:64]!r} is not the path of a file: choose another format than dir"
            )
    return Path(os.fsdecode(key))
