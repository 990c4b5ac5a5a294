"""The options of a store out of the keyword arguments of `open`, and what an unknown one means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from pykv.arguments import near_miss
from pykv.options import BitcaskOptions, CommonOptions, LsmOptions

_Options = TypeVar("_Options", bound=CommonOptions)

# What other libraries call what is here, or need and pykv does not.
_NAMED_ELSEWHERE: Final = {
    "map_size": "leave it out, files grow by themselves",
    "create_if_missing": "a database is made unless create=False",
    "error_if_exists": "look for the path beforehand, there is no such option",
    "readonly": "say read_only=True",
    "write_buffer_size": "say memtable_bytes",
    "lru_cache_size": "say memory_budget_bytes",
    "block_cache": "say memory_budget_bytes",
    "max_dbs": "leave it out, namespaces need no number",
}


def make_options(cls: type[_Options], engine: str, given: Mapping[str, Any]) -> _Options:
    """Builds cls from the keyword arguments of `open`.

    engine: the name for the message.  Raises TypeError for an unknown option, InvalidOptionError
    for a value outside its range.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    for name in given:
        if name not in known:
            raise TypeError(f"engine {engine!r} has no option {name!r}{_advice(name, known)}")
    return cls(**given)


def _advice(name: str, known: Iterable[str]) -> str:
    """The end of a message about an option that the engine has not."""
    if name in _NAMED_ELSEWHERE:
        return f": {_NAMED_ELSEWHERE[name]}"
    for engine, cls in (("bitcask", BitcaskOptions), ("lsm", LsmOptions)):
        if name in (field.name for field in dataclasses.fields(cls)):
            return f": it is one of engine {engine!r}"
    return near_miss(name, known)
