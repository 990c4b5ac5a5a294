"""Looking after a repository: listing, removing and verifying versions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pykv.arguments import StrPath, as_path
from pykv.engine.backup.durable import check_of, remove_file, sync_directory, told_as_ours
from pykv.engine.backup.repository import Repository
from pykv.engine.backup.version import Listed, StoredFile, damaged
from pykv.errors import CorruptionError, Damage
from pykv.store import BackupVersion, Progress, Report

_DAMAGES_MAX: Final = 64


def backups(repository: StrPath) -> list[BackupVersion]:
    """The versions in a repository, oldest first.

    Raises FileNotFoundError and FormatError where there is no repository, CorruptionError where
    one of its versions cannot be read; the others can be restored by their numbers all the same.
    """
    source = Repository(as_path(repository))
    with told_as_ours(), source.reading():
        return [source.read(number).facts for number in source.numbers()]


def delete_backups(repository: StrPath, versions: Iterable[int]) -> int:
    """Removes versions, and the files that no other version has; returns the bytes this frees.

    What an interrupted backup left is removed too.  Raises KeyError where one of the versions is
    not there, LockedError while the repository is in use, and CorruptionError where one that would
    stay cannot be read, as nobody knows what it needs: then nothing is removed.
    """
    wanted = set(versions)
    source = Repository(as_path(repository))
    with told_as_ours(), source.removing():
        numbers = source.numbers()
        if missing := sorted(wanted - set(numbers)):
            raise KeyError(f"the repository {str(source.path)!r} has no version {missing[0]}")
        kept = [source.read(number) for number in numbers if number not in wanted]
        for number in sorted(wanted):
            remove_file(source.path_of(number))
        sync_directory(source.versions)
        return source.remove_unlisted(kept)


def verify_backup(
    repository: StrPath, version: int | None = None, *, progress: Progress | None = None
) -> Report:
    """Reads every byte of a version, None: of the repository, and reports what is damaged.

    Damage of versions and their files does not raise. record_count is 0: rows are not looked at.
    Raises FileNotFoundError and FormatError where there is no repository, CorruptionError where
    its mark is damaged, KeyError where it has no such version.
    """
    source = Repository(as_path(repository))
    with told_as_ours(), source.reading():
        damages: list[Damage] = []
        numbers = source.numbers() if version is None else [version]
        listed = [each for each in (_read(source, n, damages) for n in numbers) if each is not None]
        files = {file.stored: file for each in listed for file in each.files}
        if version is None:
            files |= {each.stored: each for each in _unlisted(source, files)}
        byte_count = _check(source, list(files.values()), damages, progress)
    return Report(
        file_count=len(numbers) + len(files),
        byte_count=byte_count,
        damage_count=len(damages),
        damages=tuple(damages[:_DAMAGES_MAX]),
    )


def _read(source: Repository, version: int, damages: list[Damage]) -> Listed | None:
    try:
        return source.read(version)
    except CorruptionError as error:
        damages.extend(error.damages)
        return None


def _unlisted(source: Repository, listed: dict[str, StoredFile]) -> list[StoredFile]:
    """Files that a later backup may take for its own: their names say what they must be."""
    return [
        StoredFile("", stored, length, crc)
        for stored, length, crc in source.stored().values()
        if stored not in listed
    ]


def _check(
    source: Repository,
    files: list[StoredFile],
    damages: list[Damage],
    progress: Progress | None,
) -> int:
    """Reads files, and adds what is wrong to damages; returns the bytes read."""
    total = sum(each.length for each in files)
    done = 0

    def read(size: int) -> None:
        nonlocal done
        done += size
        if progress is not None:
            progress(min(done, total), total)

    for file in files:
        path = source.files / file.stored
        try:
            length, crc = check_of(path, read)
        except FileNotFoundError:
            damages.append(damaged(path, "a file of the backup is missing"))
            continue
        if length != file.length:
            text = "a file of the backup has another length"
            damages.append(damaged(path, text, file.length, length))
        elif crc != file.crc32c:
            damages.append(damaged(path, "a file of the backup is damaged", file.crc32c, crc))
    return done
