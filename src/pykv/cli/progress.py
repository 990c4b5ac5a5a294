"""A progress bar on standard error, where that is a terminal; nothing where it is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

Advance: TypeAlias = Callable[[int, int], None]
Unit: TypeAlias = Literal["bytes", "files", "rows", "steps"]


@contextmanager
def progress_bar(title: str, unit: Unit) -> Iterator[Advance]:
    """Shows a bar for the time of a `with` block, and clears it.

    Yields advance(done, total), the callback that long calls of a store take. A total of 0 is not
    known: the bar then shows that something moves, and how far it is.
    """
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    # Imported here because a command without a bar should start at once.
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*_columns(unit), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


def _columns(unit: Unit) -> list[ProgressColumn]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
    if unit == "bytes":
        return [*columns, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()]
    return [*columns, MofNCompleteColumn(), TextColumn(unit), TimeRemainingColumn()]
