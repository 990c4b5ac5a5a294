"""Making a version: a checkpoint of the database, of which what is new is copied."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pykv._native import lib
from pykv.arguments import StrPath, as_path
from pykv.engine.backup.durable import (
    TEMPORARY,
    copy_synced,
    remove_file,
    sync_directory,
    told_as_ours,
    write_whole,
)
from pykv.engine.backup.repository import Repository, open_or_make, stored_name
from pykv.engine.backup.version import Listed, StoredFile, encode
from pykv.engine.backup_place import place_in
from pykv.errors import FormatError, InternalError
from pykv.store import BackupVersion, Progress

_MANIFEST: Final = "MANIFEST"
# Files that are written once begin with a magic number, and have their random id at byte 16.
_WRITTEN_ONCE: Final = frozenset({".log", ".hint", ".tbl", ".val"})
_FILE_ID: Final = struct.Struct("<16xQ")
_STORE_ID: Final = struct.Struct("<12xB3xQ")
_ENGINES: Final = {lib.PYKV_ENGINE_BITCASK: "bitcask", lib.PYKV_ENGINE_LSM: "lsm"}


@dataclass
class _Copying:
    """How far the copying is."""

    total: int
    progress: Progress | None
    done: int = 0

    def add(self, size: int) -> None:
        self.done += size
        if self.progress is not None:
            self.progress(min(self.done, self.total), self.total)


def create_backup(
    home: Path,
    checkpoint: Callable[[Path], object],
    repository: StrPath,
    progress: Progress | None = None,
) -> BackupVersion:
    """Adds a version with the rows that a store has at one moment; see `NativeStore.backup`.

    home: the directory of the store, absolute.  checkpoint: makes one of it at a path.
    """
    place = as_path(repository)
    if place.exists() and place.samefile(home):
        text = f"{place} is the database itself: back it up to another directory"
        raise FormatError(text, path=place)
    (home / _MANIFEST).stat()  # Somebody may have moved the directory.
    with told_as_ours(), place_in(home) as source:
        checkpoint(source)
        target = open_or_make(place)
        with target.writing():
            return _add_version(target, source, progress)


def _add_version(target: Repository, source: Path, progress: Progress | None) -> BackupVersion:
    manifest = (source / _MANIFEST).read_bytes()
    engine, store_id = _STORE_ID.unpack_from(manifest)
    names = sorted(each.name for each in source.iterdir() if _belongs(each))
    sizes = {name: (source / name).stat().st_size for name in names}
    known = target.stored()
    version = max(target.numbers(), default=0) + 1
    sources = {name: _source_name(source / name, store_id, version) for name in names}
    new = [name for name in names if _known(known, sources[name], sizes[name]) is None]
    copying = _Copying(sum(sizes[name] for name in new), progress)
    files = []
    for name in names:
        found = _known(known, sources[name], sizes[name])
        files.append(found or _copy(target, source / name, sources[name], copying.add))
    sync_directory(target.files)
    facts = BackupVersion(
        version=version,
        time=time.time(),
        engine=_ENGINES[engine],
        store_id=store_id,
        file_count=len(files),
        byte_count=sum(sizes.values()),
        new_byte_count=copying.total,
    )
    # The manifest last: a restore writes the files in this order.
    files.sort(key=lambda each: (each.name == _MANIFEST, each.name))
    write_whole(target.path_of(version), encode(Listed(facts, tuple(files))))
    sync_directory(target.versions)
    return facts


def _belongs(path: Path) -> bool:
    """Whether a file of a checkpoint is of the database itself."""
    return path.name != "LOCK" and path.suffix != TEMPORARY


def _source_name(path: Path, store_id: int, version: int) -> str:
    """What the content of a file follows from: the store, the file's number, and its random id.

    Files without an id, as the manifest, are those of this version alone.
    """
    stem, suffix = path.stem, path.suffix
    if suffix not in _WRITTEN_ONCE:
        return f"{store_id:016x}-{path.name}-{version:016x}.file"
    with path.open("rb") as file:
        head = file.read(_FILE_ID.size)
    if len(head) < _FILE_ID.size:
        raise InternalError(f"{path} is too short for its kind", path=path)
    return f"{store_id:016x}-{stem}-{_FILE_ID.unpack(head)[0]:016x}{suffix}"


def _known(known: dict[str, tuple[str, int, int]], source: str, size: int) -> StoredFile | None:
    """The file in the repository with that content, of size bytes."""
    found = known.get(source)
    if found is None or found[1] != size or source.endswith(".file"):
        return None
    stored, length, crc = found
    number = source.split("-")[1]
    return StoredFile(number + Path(source).suffix, stored, length, crc)


def _copy(
    target: Repository, path: Path, source: str, copied: Callable[[int], object]
) -> StoredFile:
    """Copies a file to the repository, whole or not at all."""
    unfinished = target.files / f"{path.name}{TEMPORARY}"
    remove_file(unfinished)
    length, crc = copy_synced(path, unfinished, copied)
    stored = stored_name(source, length, crc)
    unfinished.replace(target.files / stored)
    return StoredFile(path.name, stored, length, crc)
