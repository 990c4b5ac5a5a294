"""Backups: a repository of copies of a database, each of which takes only what is new.

    repository/REPOSITORY        what this directory is
    repository/versions/N        one file a version: which files it consists of, with their checks
    repository/files/NAME        files of databases, each there once for all versions that have it
    repository/LOCK, READERS     who uses it

Layouts and names: docs/format/backup.md. Nothing that a version lists is ever written again. A
version is listed by the file in versions/ alone, which comes when everything that it lists is
durable and goes before anything of it does: so a crash leaves whole versions, and at most files
that nobody lists.
"""

from pykv.engine.backup.create import create_backup
from pykv.engine.backup.restore import restore
from pykv.engine.backup.upkeep import backups, delete_backups, verify_backup

__all__ = [
    "backups",
    "create_backup",
    "delete_backups",
    "restore",
    "verify_backup",
]
