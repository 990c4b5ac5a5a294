"""A store that is open read-only beside the one that is written, over all of its reopenings."""

from collections.abc import Callable
from typing import Any

from tests.model.oracle import Oracle


class ReaderBeside:
    """A reader that open gives, the rows that it shows, and a snapshot from before its refresh.

    features: of its engine. Only those with a feed give a sequence that writer and reader share.
    """

    def __init__(self, open: Callable[[], Any], features: frozenset[str]) -> None:
        self.open = open
        self.features = features
        self.reader: Any = None
        self.shown = Oracle()
        self.snapshot: Any = None
        self.kept = Oracle()

    def refresh(self, writer: Any, oracle: Oracle) -> None:
        """Moves from what was shown, which nothing has changed, to what writer shows: oracle."""
        if self.reader is None:
            self.reader = self.open()
        else:
            check(self.reader, self.shown)
            self.keep()
        assert self.reader.refresh() == self.reader.last_seq
        assert self.reader.last_seq == writer.last_seq or "changes" not in self.features
        self.shown = oracle.copy()
        check(self.reader, self.shown)
        if self.snapshot is not None:
            check(self.snapshot, Oracle(self.kept.rows))

    def keep(self) -> None:
        """A snapshot of what is shown, in the place of the one before."""
        if "snapshot" not in self.features:
            return
        if self.snapshot is not None:
            check(self.snapshot, Oracle(self.kept.rows))
            self.snapshot.close()
        self.snapshot, self.kept = self.reader.snapshot(), self.shown

    def close(self) -> None:
        if self.reader is not None:
            self.reader.close()


def check(reader: Any, shown: Oracle) -> None:
    """The rows of all namespaces, each by a scan and by gets."""
    assert sorted(reader.items()) == shown.scan()
    keys = list(shown.rows)
    assert reader.get_many(keys) == list(shown.rows.values())
    if "namespaces" in getattr(reader, "features", ()):
        assert reader.namespaces() == sorted(shown.spaces, key=str.encode)
        for name, rows in shown.spaces.items():
            assert dict(reader.namespace(name).items()) == rows
