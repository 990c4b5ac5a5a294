"""Whether a database of others may be made in a directory."""

from __future__ import annotations

import re
from pathlib import Path

from pykv.adapters._lock import LOCK_NAME
from pykv.engine import UNFINISHED_NAME
from pykv.engine.registry import engine_of
from pykv.errors import FormatError


def refuse_others(path: Path, engine: str, left: re.Pattern[str]) -> None:
    """FormatError where the directory path, without a database of engine, holds anything else.

    left: names of files that are there when a process dies before it has made its database.
    """
    try:
        found = engine_of(path)
    except FormatError:
        if all(left.fullmatch(each.name) or _means_nothing(each.name) for each in path.iterdir()):
            return
        raise
    if found is not None:
        raise FormatError(
            f"{path} holds a database of engine {found.name!r}, not {engine!r}: open it without "
            "naming an engine, or convert it",
            path=path,
        )
    if (path / UNFINISHED_NAME).exists():
        raise FormatError(
            f"{path} holds a checkpoint or a restore that was not finished", path=path
        )


def _means_nothing(name: str) -> bool:
    return name.startswith(".") or name in ("lost+found", LOCK_NAME)
