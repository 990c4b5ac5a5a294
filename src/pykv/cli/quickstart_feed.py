"""The change feed of the quickstart: a thread that keeps a copy by following what is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Final

import pykv
from pykv.cli.output import count_text
from pykv.cli.quickstart_contents import Contents, DifferenceError, Expected, fail_on

# A feed without news ends after so long, and the thread looks whether there will be any.
QUIET_SECONDS: Final = 0.05


@dataclass
class Followed:
    """Changes that came, and the seconds from the first to the last."""

    change_count: int = 0
    seconds: float = 0.0

    def text(self) -> str:
        """One line for the report."""
        rate = f", {self.change_count / self.seconds:,.0f}/s" if self.seconds > 0.0 else ""
        changes = count_text(self.change_count, "change")
        return f"{changes} by another thread as they were written{rate}: the copy is equal"


@contextmanager
def followed(db: pykv.Store, expected: Expected) -> Iterator[Followed]:
    """Follows db during a `with` block, which changes db and expected, then compares.

    DifferenceError where the changes do not lead from the rows before the block to those after it.
    """
    copy, since, written, result = expected.copy(), db.last_seq, Event(), Followed()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_follow, db, since, copy, written, result)
        try:
            yield result
            db.sync()
        finally:
            written.set()
        last = following.result()
    if last != db.last_seq:
        raise DifferenceError(f"the feed ends with change {last:,}, not {db.last_seq:,}")
    keys = copy.files.keys() | expected.files.keys()
    wrong = (key for key in sorted(keys) if copy.files.get(key) != expected.files.get(key))
    fail_on([f"{key!r} is not in the feed as it was written" for key in wrong])


def _follow(db: pykv.Store, since: int, copy: Expected, written: Event, result: Followed) -> int:
    """Applies changes to copy until all that was written has come; returns the last sequence."""
    start, ends = 0.0, False
    while not ends:
        ends = written.is_set()
        for change in db.changes(since, follow=True, timeout=QUIET_SECONDS):
            start = start or time.perf_counter()
            _apply(change, copy)
            since = change.seq
            result.change_count += 1
            result.seconds = time.perf_counter() - start
    return since


def _apply(change: pykv.Change, copy: Expected) -> None:
    if change.kind == "put" and change.value is not None:
        copy.files[change.key] = Contents.of(change.value)
    elif change.kind == "delete":
        copy.files.pop(change.key, None)
    else:
        raise DifferenceError(f"the feed has a {change.kind}, which nobody wrote")
