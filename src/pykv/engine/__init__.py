"""Engines: where rows are kept, and how a store is opened, repaired and destroyed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, overload

from pykv.arguments import StrPath, as_path
from pykv.engine.backup_place import left_in
from pykv.engine.given_options import make_options
from pykv.engine.registry import Engine, engine_of, find_engine
from pykv.errors import FormatError, NotSupportedError, UnfinishedError
from pykv.store import Report, Store

if TYPE_CHECKING:
    from pykv.engine.bitcask import Bitcask
    from pykv.engine.lsm import Lsm
    from pykv.engine.memory import Memory

# A directory with this file and without a manifest is an unfinished checkpoint or restore.
UNFINISHED_NAME: Final = "CHECKPOINT.tmp"
# What a new database gets.
DEFAULT_ENGINE: Final = "lsm"
# Where a conversion makes a database, and the file in it that says so; see pykv.engine.convert.
CONVERTING_NAME: Final = ".convert"
MARK_NAME: Final = "MARK"

__all__ = ["Engine", "StrPath", "destroy", "open_store", "repair"]


@overload
def open_store(
    path: StrPath | None = None, *, engine: Literal["memory"], **options: object
) -> Memory: ...
@overload
def open_store(path: StrPath, *, engine: Literal["bitcask"], **options: object) -> Bitcask: ...
@overload
def open_store(path: StrPath, *, engine: Literal["lsm"], **options: object) -> Lsm: ...
@overload
def open_store(path: StrPath, *, engine: str | None = None, **options: object) -> Store: ...
def open_store(
    path: StrPath | None = None, *, engine: str | None = None, **options: object
) -> Store:
    """Opens the store in a directory, which is made with its parents if it does not exist.

    engine: "bitcask", "lsm", "memory" (which needs no path), or the name of a registered engine.
    None lets the directory decide; a new one gets "lsm".  options: the fields of the engine's
    dataclass, such as durability="sync", read_only=True or create=False.

    Raises TypeError for an unknown option, InvalidOptionError for a value outside its range or an
    unknown engine, NotSupportedError for a compression that is not here, and what the engine
    raises: LockedError, FormatError, CorruptionError, FileNotFoundError, FileExistsError,
    NotADirectoryError, PermissionError, IOFailedError. UnfinishedError where `pykv.convert` was
    interrupted.
    """
    place = None if path is None else as_path(path)
    _refuse_unfinished(place)
    if engine is not None:
        chosen = find_engine(engine)
    else:
        chosen = (engine_of(place) if place else None) or find_engine(DEFAULT_ENGINE)
    if place is None and chosen.needs_path:
        raise TypeError(f"engine {chosen.name!r} needs the path of a directory")
    return chosen.open(place, make_options(chosen.options, chosen.name, options))


def repair(path: StrPath) -> Report:
    """Saves every readable record of the closed database in path; keeps what it replaces.

    Raises FileNotFoundError, FormatError, NotSupportedError where the engine cannot repair, and
    LockedError where the database is open.
    """
    place = as_path(path)
    _refuse_unfinished(place)
    engine = _existing(place)
    if engine.repair is None:
        raise NotSupportedError(f"engine {engine.name!r} cannot repair", path=place)
    return engine.repair(place)


def destroy(path: StrPath) -> None:
    """Removes the closed database in path, and the directory if nothing else is in it.

    Raises FileNotFoundError, FormatError, NotSupportedError where the engine cannot destroy, and
    LockedError where the database is open.
    """
    place = as_path(path)
    converting = place / CONVERTING_NAME
    # The mark of a conversion first: it tells of rows that go.
    with suppress(FileNotFoundError, NotADirectoryError):
        (converting / MARK_NAME).unlink()
    if (converting / "data" / "MANIFEST").exists():
        destroy(converting / "data")
    if engine_of(place) or (place / UNFINISHED_NAME).exists() or not converting.exists():
        _destroy_by_engine(place)
    # What a backup, a conversion, or a call of this that was killed left there.
    for left in [*left_in(place), *place.glob(CONVERTING_NAME)]:
        shutil.rmtree(left)
    with suppress(OSError):
        place.rmdir()


def _destroy_by_engine(place: Path) -> None:
    engine = _existing(place)
    if engine.destroy is None:
        raise NotSupportedError(f"engine {engine.name!r} cannot destroy", path=place)
    engine.destroy(place)


def _refuse_unfinished(place: Path | None) -> None:
    if place is not None and (place / CONVERTING_NAME / MARK_NAME).exists():
        raise UnfinishedError(f"{place} holds a conversion that was not finished", path=place)


def _existing(place: Path) -> Engine:
    place.stat()
    engine = engine_of(place)
    if engine is None and (place / UNFINISHED_NAME).exists():
        return find_engine("bitcask")  # the mark of every engine, and nothing behind it
    if engine is None:
        raise FormatError(f"no database of a known engine is in {str(place)!r}", path=place)
    return engine
