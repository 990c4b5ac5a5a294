"""Rules of the store machine on who follows it: the change feed, its pins, and a reader beside."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.model.follower import Follower
from tests.model.machine import Machine
from tests.model.pins import LIMITS, NAMES, Pins
from tests.model.reader_beside import ReaderBeside

fed = precondition(lambda self: self.has("changes"))


class FollowerRules(Machine):
    """All changes are kept, by an option of the store or by a pin of the follower."""

    def __init__(self) -> None:
        super().__init__()
        self.pins = Pins(Follower(), is_needed=False)
        self.beside = ReaderBeside(
            lambda: self.subject.open(self.path, read_only=True), self.subject.features
        )

    @initialize(is_kept=st.booleans())
    def begin(self, is_kept: bool) -> None:
        if self.has("changes"):
            self.options |= {"history_bytes": 1 << 40} if is_kept else {}
            self.open_again()
            self.pins = Pins(Follower(), is_needed=not is_kept)
            self.pins.follow(self.store)

    @fed
    @rule()
    def follow(self) -> None:
        self.pins.follow(self.store)
        self.pins.follower.check(self.store)

    @fed
    @rule(name=st.sampled_from(NAMES), behind=st.integers(0, 60), limits=st.sampled_from(LIMITS))
    def pin(self, name: str, behind: int, limits: dict[str, int]) -> None:
        self.pins.set_behind(self.store, name, behind, limits)

    @fed
    @rule(name=st.sampled_from(NAMES))
    def unpin(self, name: str) -> None:
        if name in self.pins.pins:
            del self.pins.pins[name]
            self.store.unpin_history(name)
        else:
            with pytest.raises(KeyError):
                self.store.unpin_history(name)

    @fed
    @rule()
    def pins_hold(self) -> None:
        self.pins.check(self.store)

    @precondition(lambda self: self.has("readers") and self.has("persistence"))
    @rule(is_synced=st.booleans())
    def refresh(self, is_synced: bool) -> None:
        """A store of the core shows its readers what is not synced too."""
        if is_synced or not self.has("changes"):
            self.store.sync()
        self.beside.refresh(self.store, self.oracle)

    def teardown(self) -> None:
        self.beside.close()
        super().teardown()
