"""The registry of engines: what an engine is, and how one is found by its name or its directory.

Engines of this package are imported when first asked for. Others register an `Engine` under the
entry-point group "pykv.engines"; the name of the entry point is the name of the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pykv.arguments import near_miss
from pykv.errors import FormatError, InvalidOptionError
from pykv.options import CommonOptions
from pykv.store import Report, Store

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP: Final = "pykv.engines"
_MODULES: Final = {
    **{name: f"pykv.engine.{name}" for name in ("bitcask", "lsm", "memory")},
    **{name: f"pykv.adapters._{name}" for name in ("sqlite", "lmdb", "rocksdb", "leveldb")},
}


def _never(_path: Path) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """How stores of one kind are opened and looked after.

    options: the dataclass that `open` builds from its keyword arguments.
    open(path, options): the store; path is None only where needs_path is False.
    detect(path): whether an existing directory holds this engine's files; FormatError if their
    format is newer.
    repair(path), destroy(path): see `pykv.repair` and `pykv.destroy`; None where the engine cannot.
    """

    name: str
    options: type[CommonOptions]
    open: Callable[[Path | None, Any], Store]
    detect: Callable[[Path], bool] = _never
    repair: Callable[[Path], Report] | None = None
    destroy: Callable[[Path], None] | None = None
    needs_path: bool = True


def find_engine(name: str) -> Engine:
    """The engine called name.

    Raises InvalidOptionError with the near miss for an unknown one, TypeError where an entry point
    leads to something else.
    """
    if not isinstance(name, str):
        raise TypeError(f"engine must be the name of one, not {type(name).__name__}")
    if name in _MODULES:
        engine: Engine = import_module(_MODULES[name]).ENGINE
        return engine
    for found in _registered().select(name=name):
        loaded = found.load()
        if not isinstance(loaded, Engine):
            raise TypeError(
                f"the entry point {name!r} of {GROUP} must be a pykv.engine.Engine, "
                f"not {type(loaded).__name__}"
            )
        return loaded
    raise InvalidOptionError(f"there is no engine {name!r}{near_miss(name, _names())}")


def engine_of(path: Path) -> Engine | None:
    """The engine whose files are in the directory path, None where there are no files.

    Raises FormatError where an engine refuses the files and no other knows them.
    """
    if not path.is_dir() or not any(path.iterdir()):
        return None
    refusal: FormatError | None = None
    for name in _names():
        engine = find_engine(name)
        try:
            if engine.detect(path):
                return engine
        except FormatError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return None


def _names() -> Iterator[str]:
    """The names of all engines, those of this package first."""
    yield from _MODULES
    yield from sorted(_registered().names - set(_MODULES))


def _registered() -> EntryPoints:
    # Imported here because it costs a program that opens its own engines more than all of pykv.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)
