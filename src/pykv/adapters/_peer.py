"""What an adapter supplies: a database of others, and moments of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Protocol, TypeAlias

from pykv.errors import NotSupportedError
from pykv.reader import Row

Changes: TypeAlias = Mapping[bytes, bytes | None]


class Moment(Protocol):
    """A database at one moment. One thread at a time uses it."""

    def get(self, key: bytes) -> bytes | None:
        """The value of key, None without one."""

    def rows(self, start: bytes, stop: bytes | None, reverse: bool) -> Iterator[Row]:
        """The rows of [start, stop), stop None: to the last, in byte order or backwards."""

    def close(self) -> None:
        """Gives it up, once or more often."""


class Peer(Protocol):
    """An open database. Any thread may use it; writes come one at a time.

    path: its directory, absolute.  read_only: it is not written to.  durable: every write will be.
    """

    errors: tuple[type[BaseException], ...]  # what it raises in trouble
    data_names: ClassVar[re.Pattern[str]]  # of its files with rows, whole
    other_names: ClassVar[re.Pattern[str]]  # of its other files, whole
    key_bytes_max: int

    def __init__(self, path: Path, read_only: bool, durable: bool) -> None: ...

    def get(self, key: bytes) -> bytes | None:
        """The value of key now."""

    def moment(self) -> Moment:
        """This moment, for reads."""

    def apply(self, changes: Changes, durable: bool) -> None:
        """Sets each key to its value, None: removes it; all or none, on the device if durable."""

    def sync(self) -> None:
        """Makes everything applied durable."""

    def compact(self) -> None:
        """Gives back space."""

    def check(self) -> list[str]:
        """What the database itself finds damaged."""

    def close(self) -> None:
        """Closes it; there is no moment any more."""


def require(load: Callable[[], ModuleType], extra: str) -> ModuleType:
    """The package of a database. NotSupportedError says how to get it."""
    try:
        return load()
    except ImportError as error:
        raise NotSupportedError(
            f"engine {extra!r} needs a package that is not here ({error}): "
            f"pip install 'pykv[{extra}]'"
        ) from error
