"""The directory of a repository: its parts, its locks, which versions and files there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pykv.engine.backup.durable import (
    TEMPORARY,
    crc32c,
    make_directory,
    remove_file,
    sync_directory,
    write_whole,
)
from pykv.engine.backup.version import FORMAT_VERSION, Listed, corruption, damaged, decode
from pykv.engine.file_lock import FileLock
from pykv.errors import FormatError, LockedError

_MARK: Final = "REPOSITORY"
_MARK_TEXT: Final = b"pykv backup repository\n"
_WRITER: Final = "LOCK"
_READERS: Final = "READERS"
_PARTS: Final = frozenset({"versions", "files", _WRITER, _READERS, _MARK, _MARK + TEMPORARY})
_VERSION_NAME: Final = re.compile(r"[0-9]{8,}")
# store id, number, file id, length, check, kind
_FILE_NAME: Final = re.compile(
    r"([0-9a-f]{16}-[0-9A-Za-z.]+-[0-9a-f]{16})-([0-9a-f]+)-([0-9a-f]{8})\.([0-9A-Za-z]+)"
)


class Repository:
    """A repository at path. One process writes to it, any number read; see `writing`."""

    def __init__(self, path: Path) -> None:
        """FileNotFoundError, FormatError where there is no repository."""
        self.path = path
        self.files = path / "files"
        self.versions = path / "versions"
        check_mark(path)

    # ---- locks ----

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keeps others from removing files. LockedError while one does."""
        with _locked(self.path / _READERS, shared=True):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keeps others from adding versions. LockedError while one does."""
        with _locked(self.path / _WRITER, shared=False), self.reading():
            yield

    @contextmanager
    def removing(self) -> Iterator[None]:
        """Keeps all others out. LockedError while there are any."""
        with (
            _locked(self.path / _WRITER, shared=False),
            _locked(self.path / _READERS, shared=False),
        ):
            yield

    # ---- versions ----

    def numbers(self) -> list[int]:
        """The numbers of all versions, rising."""
        names = [each.name for each in self.versions.iterdir()]
        return sorted(int(name) for name in names if _VERSION_NAME.fullmatch(name))

    def path_of(self, version: int) -> Path:
        """Where a version stands."""
        return self.versions / f"{version:08d}"

    def read(self, version: int | None) -> Listed:
        """A version, None: the last. KeyError, CorruptionError, FormatError."""
        numbers = self.numbers()
        if not numbers or (version is not None and version not in numbers):
            what = "no version" if version is None else f"no version {version}"
            raise KeyError(f"the repository {str(self.path)!r} has {what}")
        path = self.path_of(numbers[-1] if version is None else version)
        listed = decode(path.read_bytes(), path)
        if listed.facts.version != int(path.name):
            found = damaged(path, "this is another version", int(path.name), listed.facts.version)
            raise corruption(found)
        return listed

    # ---- files ----

    def stored(self) -> dict[str, tuple[str, int, int]]:
        """Files by what their content follows from: name, length and check, as the name tells."""
        found = {}
        for each in self.files.iterdir():
            if match := _FILE_NAME.fullmatch(each.name):
                source, length, crc, kind = match.groups()
                found[f"{source}.{kind}"] = (each.name, int(length, 16), int(crc, 16))
        return found

    def remove_unlisted(self, listed: list[Listed]) -> int:
        """Removes the files of no version of listed, which are all; returns their bytes.

        To be called while removing.
        """
        kept = {file.stored for each in listed for file in each.files}
        freed = 0
        for each in list(self.files.iterdir()):
            if each.name not in kept:
                freed += each.stat().st_size
                remove_file(each)
        for each in list(self.versions.glob(f"*{TEMPORARY}")):
            remove_file(each)
        sync_directory(self.files)
        return freed


def stored_name(source: str, length: int, crc: int) -> str:
    """The name in files/ of what source (`store-number-file.kind`) stands for."""
    stem, kind = source.rsplit(".", 1)
    return f"{stem}-{length:x}-{crc:08x}.{kind}"


def open_or_make(path: Path) -> Repository:
    """The repository at path, which is made where there is nothing.

    FormatError where something else is.
    """
    if not (path / _MARK).exists():
        if not path.exists():
            make_directory(path)
        others = sorted({each.name for each in path.iterdir()} - _PARTS)
        if others:
            raise FormatError(f"{path} holds {others[0]!r} and is no repository", path=path)
        for name in ("versions", "files"):
            (path / name).mkdir(exist_ok=True)
        body = _MARK_TEXT + b"%d\n" % FORMAT_VERSION
        write_whole(path / _MARK, body + b"%08x\n" % crc32c(body))
        sync_directory(path)
    return Repository(path)


def check_mark(path: Path) -> None:
    """FileNotFoundError, FormatError or CorruptionError unless path is a repository."""
    path.stat()
    mark = path / _MARK
    if not mark.exists():
        raise FormatError(f"{path} is no repository of backups: it has no {_MARK}", path=path)
    data = mark.read_bytes()
    body, check = data[:-9], data[-9:]
    if not body.startswith(_MARK_TEXT) or check != b"%08x\n" % crc32c(body):
        raise corruption(damaged(mark, "the mark of the repository is damaged"))
    if body != _MARK_TEXT + b"%d\n" % FORMAT_VERSION:
        raise FormatError(f"{path} has a newer format than this pykv knows", path=path)


@contextmanager
def _locked(path: Path, *, shared: bool) -> Iterator[None]:
    try:
        lock = FileLock(path, shared=shared)
    except BlockingIOError:
        text = f"another backup, restore or removal uses {str(path.parent)!r}"
        raise LockedError(text, path=path.parent) from None
    except OSError:
        if not shared:
            raise
        # Media that cannot be written: nobody removes anything there.
        yield
        return
    try:
        yield
    finally:
        lock.release()
