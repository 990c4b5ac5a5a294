"""From a version of a backup to a database."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pykv.arguments import StrPath, as_path, as_version
from pykv.engine import UNFINISHED_NAME
from pykv.engine.backup.durable import (
    TEMPORARY,
    copy_synced,
    make_directory,
    remove_file,
    sync_directory,
    told_as_ours,
)
from pykv.engine.backup.repository import Repository
from pykv.engine.backup.version import StoredFile, corruption, damaged
from pykv.errors import CorruptionError, FormatError, InvalidOptionError
from pykv.store import BackupVersion, Progress


def restore(
    repository: StrPath,
    path: StrPath,
    version: int | None = None,
    *,
    progress: Progress | None = None,
) -> BackupVersion:
    """Makes a database at path, where nothing may be, of a version of a backup; None: the last.

    Every byte is checked. progress(done, total) is told bytes.  Raises FileNotFoundError and
    FormatError where there is no repository, KeyError where it has no such version,
    InvalidOptionError for None where it has versions of several stores, FileExistsError,
    CorruptionError where a file of the version is damaged or missing, NoSpaceError; then nothing
    stays at path.
    """
    source, place = Repository(as_path(repository)), as_path(path)
    with told_as_ours(), source.reading():
        listed = source.read(as_version(version))
        if version is None:
            _refuse_several(source)
        total = sum(each.length for each in listed.files)
        done = 0

        def copied(size: int) -> None:
            nonlocal done
            done += size
            if progress is not None:
                progress(min(done, total), total)

        make_directory(place)
        try:
            _fill(source, listed.files, place, copied)
        except BaseException:
            _take_back(place)
            raise
    return listed.facts


def _refuse_several(source: Repository) -> None:
    """InvalidOptionError where the versions are of several stores; what cannot be read is none."""
    last: dict[int, BackupVersion] = {}
    for number in source.numbers():
        with suppress(CorruptionError, FormatError):
            facts = source.read(number).facts
            last[facts.store_id] = facts
    if len(last) > 1:
        each = (f"{one.version} ({one.engine}, store {one.store_id:016x})" for one in last.values())
        raise InvalidOptionError(
            f"{source.path} has versions of {len(last)} stores, so say which version; the last of "
            f"each: {', '.join(each)}",
            path=source.path,
        )


def _fill(
    source: Repository,
    files: tuple[StoredFile, ...],
    place: Path,
    copied: Callable[[int], object],
) -> None:
    """Writes the files; the last one, the manifest, is what makes them a database."""
    (place / UNFINISHED_NAME).touch()
    sync_directory(place)
    for file in files[:-1]:
        _copy(source, file, place / file.name, copied)
    sync_directory(place)
    manifest = place / files[-1].name
    beside = manifest.with_name(manifest.name + TEMPORARY)
    _copy(source, files[-1], beside, copied)
    beside.replace(manifest)
    sync_directory(place)
    remove_file(place / UNFINISHED_NAME)


def _copy(
    source: Repository, file: StoredFile, target: Path, copied: Callable[[int], object]
) -> None:
    path = source.files / file.stored
    try:
        length, crc = copy_synced(path, target, copied)
    except FileNotFoundError:
        raise corruption(damaged(path, "a file of the backup is missing")) from None
    if length != file.length:
        found = damaged(path, "a file of the backup has another length", file.length, length)
        raise corruption(found)
    if crc != file.crc32c:
        raise corruption(damaged(path, "a file of the backup is damaged", file.crc32c, crc))


def _take_back(place: Path) -> None:
    """The manifest goes first and the mark last, whatever interrupts it."""
    with suppress(OSError):
        remove_file(place / "MANIFEST")
        for each in place.iterdir():
            if each.name != UNFINISHED_NAME:
                remove_file(each)
        shutil.rmtree(place)
