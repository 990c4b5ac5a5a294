"""How the command ends: its exit codes, and one line on standard error that says what to do."""

from __future__ import annotations

import enum
from typing import IO, Any, Final

import click

from pykv.cli.coding import CodingError, DataError
from pykv.errors import (
    BatchTooLargeError,
    CorruptionError,
    Error,
    InvalidOptionError,
    KeyTooLargeError,
    LockedError,
    NotSupportedError,
    ReadOnlyError,
    UnfinishedError,
    ValueTooLargeError,
)


class Exit(enum.IntEnum):
    """Exit codes. Above 128 stands what a shell reports for a signal of that number less 128."""

    GOOD = 0
    NOT_FOUND = 1
    USAGE = 2
    CORRUPTION = 3
    FAILED = 4
    INTERRUPTED = 130
    PIPE_CLOSED = 141


CODES: Final = "Exit codes: 0 good, 1 key not found, 2 usage, 3 corruption, 4 failed."

# The first class that fits gives the code.
_CODES: Final[tuple[tuple[type[Exception], Exit], ...]] = (
    (CorruptionError, Exit.CORRUPTION),
    (CodingError, Exit.USAGE),
    (KeyTooLargeError, Exit.USAGE),
    (ValueTooLargeError, Exit.USAGE),
    (BatchTooLargeError, Exit.USAGE),
    (InvalidOptionError, Exit.USAGE),
    (NotSupportedError, Exit.USAGE),
)
# What to do, where the hint of the class speaks of Python.
_HINTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (
        UnfinishedError,
        "Run the same `pykv convert` to go on with it, if its source has not changed, or remove it "
        "with `pykv destroy`.",
    ),
    (LockedError, "Stop the process that has it open, or wait for it."),
    (ReadOnlyError, "Choose a database on media that can be written."),
    (Error, ""),
    (DataError, ""),
    (FileNotFoundError, "Check the path."),
    (FileExistsError, "Choose a path that does not exist."),
    (NotADirectoryError, "A database is a directory: check the path."),
    (IsADirectoryError, "It is a directory: name a file."),
    (PermissionError, "Run it as a user who may."),
    (MemoryError, "Free some memory."),
)


class Failure(click.ClickException):
    """The end of the command with an exit code and a message of one line."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the line to standard error, or to file."""
        click.echo(f"pykv: {self.message}", file=file, err=file is None)


def failure_of(error: Exception) -> Failure:
    """The Failure that an exception of a command leads to."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, click.UsageError):
        return Failure(_usage_text(error), Exit.USAGE)
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), Exit.FAILED)
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), None)
    if hint is None and not isinstance(error, OSError):
        hint = "This is a fault of pykv: set PYKV_TRACEBACK=1 and report what it shows."
    return Failure(". ".join(part for part in (_text(error).rstrip("."), hint) if part), code)


def _text(error: Exception) -> str:
    if isinstance(error, LockedError | ReadOnlyError):
        return _with_pid(error)
    if isinstance(error, UnfinishedError):
        return error.message
    if isinstance(error, Error | DataError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, OSError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _with_pid(error: LockedError | ReadOnlyError) -> str:
    pid = error.pid if isinstance(error, LockedError) else None
    text = error.message or error.hint
    return text if pid is None or str(pid) in text else f"{text} (process {pid})"


def _usage_text(error: click.UsageError) -> str:
    place = "pykv" if error.ctx is None else error.ctx.command_path
    text = error.format_message().rstrip(".")
    return f"{text}. Try `{place} --help`."
