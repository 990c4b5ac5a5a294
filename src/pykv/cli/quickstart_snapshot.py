"""The snapshot of the quickstart: one moment, while rows are overwritten and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pykv
from pykv.cli.output import count_text
from pykv.cli.quickstart_contents import Expected, check_all
from pykv.cli.quickstart_report import Work


@dataclass
class Kept:
    """Keys that a snapshot still showed unchanged, and how many of them the store had changed."""

    key_count: int = 0
    changed_count: int = 0

    def text(self) -> str:
        """One line for the report."""
        keys = count_text(self.key_count, "key")
        return f"{keys} unchanged while {self.changed_count:,} were overwritten or deleted"


@contextmanager
def kept(db: pykv.Store, expected: Expected) -> Iterator[Kept]:
    """Keeps a snapshot during a `with` block, which changes db and expected, then compares.

    DifferenceError where it shows anything but the rows from before the block.
    """
    before, result = expected.copy(), Kept()
    with db.snapshot() as snapshot:
        yield result
        check_all(snapshot, before, Work())
    result.key_count = len(before.files)
    result.changed_count = sum(
        expected.files.get(key) != contents for key, contents in before.files.items()
    )
