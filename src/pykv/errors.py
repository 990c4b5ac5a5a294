"""The exceptions of pykv: one tree under `Error`.

Trouble with a path that Python has a name for is raised under that name, outside this tree:
FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError. A missing key in `db[key]`
is a KeyError, an argument of a wrong type a TypeError.

The text of an exception is its message, then the hint of its class: what the user can do about it.
All of them can be pickled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Damage:
    """One place where stored bytes are not what was written.

    path: the damaged file, None for a store without files.  offset: where in it, in bytes.
    text: what is wrong.  expected, got: the two values that differ, None where there is no number.
    """

    path: Path | None
    offset: int
    text: str
    expected: int | None = None
    got: int | None = None

    def __str__(self) -> str:
        where = "memory" if self.path is None else str(self.path)
        numbers = "" if self.expected is None else f" (expected {self.expected}, got {self.got})"
        return f"{where} at byte {self.offset}: {self.text}{numbers}"


class Error(Exception):
    """Base of the errors that pykv raises; `path` is the file or directory concerned, or None."""

    hint: ClassVar[str] = ""

    def __init__(self, message: str = "", *, path: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def __str__(self) -> str:
        if not self.message or not self.hint:
            return self.message or self.hint
        return f"{self.message}. {self.hint}"


class CorruptionError(Error):
    """Stored bytes are not what was written; `damages` lists where."""

    hint = "Run `pykv verify`, then restore a backup or run `pykv repair`."

    def __init__(
        self, message: str = "", *, path: Path | None = None, damages: Sequence[Damage] = ()
    ) -> None:
        super().__init__(message, path=path)
        self.damages = tuple(damages)


class LockedError(Error):
    """Another opener holds the store; `pid` is its process, None where that is not known."""

    hint = "Close the other one first, or open this one with read_only=True."

    def __init__(
        self, message: str = "", *, path: Path | None = None, pid: int | None = None
    ) -> None:
        super().__init__(message, path=path)
        self.pid = pid


class ReadOnlyError(Error):
    """A write met a store that was opened read-only, or one on read-only media."""

    hint = "Open it without read_only=True, on media that can be written, to change it."


class ClosedError(Error, ValueError):
    """The store, or what hangs on it (an iterator, a batch, a view), is closed."""

    hint = "Open it anew: a store with pykv.open(), a batch or an iterator from its store."


class ForkedError(Error):
    """The handle belongs to the parent of this forked process."""

    hint = "Open the store after the fork, in the one process that writes."


class IOFailedError(Error, OSError):
    """The operating system refused a read, a write or a sync; `errno` says why, None if unknown."""

    def __init__(
        self, message: str = "", *, path: Path | None = None, errno: int | None = None
    ) -> None:
        super().__init__(message, path=path)
        self.errno = errno
        self.strerror = message
        self.filename = None if path is None else str(path)

    def __reduce__(self) -> tuple[object, ...]:
        fields = ("errno", "strerror", "filename")
        state = {**self.__dict__, **{name: getattr(self, name) for name in fields}}
        return type(self), self.args, state


class NoSpaceError(IOFailedError):
    """The disk or the quota is full; the store stays readable and nothing acknowledged is lost."""

    hint = "Free some space: writes then work again, without reopening."


class StoreFailedError(Error):
    """An earlier sync failed, so nothing more is written through this handle; reads go on."""

    hint = "Check the device, then close the store and open it again."


class CommitUnknownError(Error):
    """The sync of this write failed: after a reopen it may be there or not."""

    hint = "Check the device, reopen the store and read the key to learn which."


class HistoryGoneError(Error):
    """The changes asked for are no longer retained."""

    hint = "Start again from a checkpoint, or retain more history."


class SnapshotGoneError(Error):
    """So many rows changed or were merged that a snapshot or scan took more memory than it may."""

    hint = "Take a new one and close it sooner, or open with a larger undo_bytes_max."


class DivergedError(Error):
    """Two copies hold different writes at the same position."""

    hint = "Truncate the follower to the last common position, or build it anew from a checkpoint."


class StaleEpochError(Error):
    """The request carries an older epoch than the store has."""

    hint = "Learn the current primary or routing, then ask again."


class FormatError(Error):
    """The directory holds another engine, a newer format, or no database."""

    hint = "Check the path and the engine, or install the version of pykv that wrote it."


class UnfinishedError(FormatError):
    """The directory holds a conversion that was not finished; the text says what to do."""

    hint = (
        "Call pykv.convert() as before to go on with it, if its source has not changed, or remove "
        "it with pykv.destroy()."
    )


class ReplacedError(Error):
    """What was opened read-only is not in its directory any more; what was shown stays."""

    hint = "Close it, and open what is there now."


class InternalError(Error):
    """An invariant of the library broke; the handle does nothing more."""

    hint = "Close the store, open it again, and report the message with what led to it."


class InvalidOptionError(Error, ValueError):
    """An option has a value outside its range."""


class KeyTooLargeError(Error, ValueError):
    """A key is longer than 65,535 bytes."""

    hint = "Store a digest as the key and the long name in the value."


class ValueTooLargeError(Error, ValueError):
    """A value is longer than 1 GiB."""

    hint = "Split it over several keys."


class BatchTooLargeError(Error, ValueError):
    """A batch is larger than the option batch_bytes_max."""

    hint = "Write several batches, or open the store with a larger batch_bytes_max."


class ArrayTooSmallError(Error, ValueError):
    """An array given as `out` is too small; `needed_bytes` is what its data needs, 0: more rows."""

    hint = "Pass a larger one, or none: then arrays of the right size are made."

    def __init__(
        self, message: str = "", *, path: Path | None = None, needed_bytes: int = 0
    ) -> None:
        super().__init__(message, path=path)
        self.needed_bytes = needed_bytes


class NotSupportedError(Error, NotImplementedError):
    """The engine does not have the feature; `pykv.supports` tells beforehand."""
