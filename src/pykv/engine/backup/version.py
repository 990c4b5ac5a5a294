"""A version of a backup: what it consists of, and the file that says so (docs/format/backup.md)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pykv.engine.backup.durable import crc32c
from pykv.errors import CorruptionError, Damage, FormatError
from pykv.store import BackupVersion

FORMAT_VERSION: Final = 1
_MAGIC: Final = b"pykv-backup "
_HEAD_BYTES: Final = len(b"pykv-backup 1 00000000\n")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a version. name: in the database.  stored: in files/ of the repository."""

    name: str
    stored: str
    length: int
    crc32c: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A version and its files; the manifest of the database stands last."""

    facts: BackupVersion
    files: tuple[StoredFile, ...]


def encode(listed: Listed) -> bytes:
    """The bytes of the file of a version."""
    fields = asdict(listed.facts) | {"files": [asdict(each) for each in listed.files]}
    body = json.dumps(fields, indent=1).encode("ascii") + b"\n"
    return _MAGIC + b"%d %08x\n" % (FORMAT_VERSION, crc32c(body)) + body


def damaged(path: Path, text: str, expected: int | None = None, got: int | None = None) -> Damage:
    """A damage of a whole file."""
    return Damage(path, 0, text, expected, got)


def corruption(damage: Damage) -> CorruptionError:
    """The exception for one damage."""
    return CorruptionError(str(damage), path=damage.path, damages=(damage,))


def decode(data: bytes, path: Path) -> Listed:
    """The version in the bytes of the file at path.

    Raises CorruptionError, and FormatError for a newer format.
    """
    head, body = data[:_HEAD_BYTES], data[_HEAD_BYTES:]
    words = head[:-1].split(b" ")
    if not head.startswith(_MAGIC) or len(words) != 3 or head[-1:] != b"\n":
        raise corruption(damaged(path, "this is no version of a backup"))
    if words[1] != b"%d" % FORMAT_VERSION:
        raise FormatError(f"{path} has format {words[1].decode('ascii', 'replace')}", path=path)
    if words[2] != b"%08x" % crc32c(body):
        raise corruption(damaged(path, "the check of the version is wrong"))
    try:
        return _of_fields(json.loads(body))
    except (ValueError, KeyError, TypeError):
        raise corruption(damaged(path, "the version cannot be read")) from None


def _of_fields(fields: dict[str, Any]) -> Listed:
    files = tuple(StoredFile(**each) for each in fields.pop("files"))
    names = [name for each in files for name in (each.name, each.stored)]
    if any("/" in name or name in ("", ".", "..") for name in names):
        raise ValueError("a name is a path")
    return Listed(BackupVersion(**fields), files)
