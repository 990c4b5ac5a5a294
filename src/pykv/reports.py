"""What verify, repair and backups tell of a database."""

from __future__ import annotations

from dataclasses import dataclass

from pykv.errors import Damage


@dataclass(frozen=True, slots=True)
class Report:
    """What verify or repair saw.

    file_count, record_count, byte_count: what was read.  damage_count: how many damages were found;
    damages lists the first of them.  kept_record_count, lost_record_count: after a repair, rows,
    and the writes, current or not, that are known to have been there and were found nowhere.
    """

    file_count: int = 0
    record_count: int = 0
    byte_count: int = 0
    damage_count: int = 0
    damages: tuple[Damage, ...] = ()
    kept_record_count: int = 0
    lost_record_count: int = 0

    @property
    def ok(self) -> bool:
        """True where nothing is damaged."""
        return self.damage_count == 0


@dataclass(frozen=True, slots=True)
class BackupVersion:
    """A version of a backup.

    version: its number; they rise.  time: of its making, in seconds since 1970.  engine, store_id,
    file_count, byte_count: of the database.  new_byte_count: of what was copied for this version.
    """

    version: int
    time: float
    engine: str
    store_id: int
    file_count: int
    byte_count: int
    new_byte_count: int
