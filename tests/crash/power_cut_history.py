"""What a process had acknowledged when the power went, and what the store may hold after that.

Each writer tells a pipe the number of each write that has returned. The order of the pipe is an
order of time: a write that was told before another began must be there if the other is. This is the
prefix rule, as far as it can be seen from outside.

The process outlives the cut by a moment. A sync that runs while ext4 is shut down may return as if
all was well, which nobody would live to see; one that begins later must fail. So a promise told
after the cut counts only if its writer had told something after the cut before.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from tests.crash.process_rows import Rows, differences, without_pins, writer_of
from tests.crash.process_writes import Write

TOLD = struct.Struct("<Bi")
OPENED, CLOSED, REFUSED = -1, -2, -3
Counts = list[int]


@dataclass(frozen=True)
class Pinned:
    """What a writer had made of its places when it set a pin."""

    rows: Rows
    writer: int
    writer_count: int

    def own(self, rows: Rows) -> Rows:
        """The rows and namespaces in the places of the writer."""
        return own_rows(without_pins(rows), self.writer, self.writer_count)


@dataclass(frozen=True)
class Copy:
    """A checkpoint: how many writes of each writer it has at least, and at most."""

    name: str
    least: Counts
    most: Counts


def own_rows(rows: Rows, writer: int, writer_count: int) -> Rows:
    """What is in the places of a writer."""
    return {place: said for place, said in rows.items() if writer_of(place, writer_count) == writer}


@dataclass
class History:
    """What the writers of one process told. Counts hold a number of writes for each writer.

    power_is_off: set between what was told before the cut and what was told after it.
    refused: the writers that a named error ended. late: those that told something after the cut.
    copies: the last checkpoint of each writer, if it was told before the cut.
    """

    writers: list[Iterator[Write]]
    all_durable: bool
    opened: bool = False
    closed: bool = False
    power_is_off: bool = False
    refused: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    copies: dict[int, Copy] = field(default_factory=dict)
    acknowledged: Counts = field(init=False)
    durable: Counts = field(init=False)
    made: list[list[Write]] = field(init=False)
    before: list[list[Counts]] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.writers)
        self.acknowledged = [0] * count
        self.durable = [0] * count
        self.made = [[next(writes)] for writes in self.writers]
        self.before = [[[0] * count] for _ in self.writers]

    def add(self, data: bytes) -> None:
        """Takes in what came through the pipe; a message that was cut short is left out."""
        for writer, number in TOLD.iter_unpack(data[: len(data) // TOLD.size * TOLD.size]):
            match number:
                case -1:
                    self.opened = True
                case -2:
                    self.closed = True
                    if self.late or not self.power_is_off:
                        self.durable = list(self.acknowledged)
                case -3:
                    self.refused.add(writer)
                case _:
                    self._acknowledge(writer, number)
            if self.power_is_off:
                self.late.add(writer)

    def _acknowledge(self, writer: int, number: int) -> None:
        assert number == self.acknowledged[writer], "a writer told its writes out of order"
        self.acknowledged[writer] += 1
        if writer in self.late or not self.power_is_off:
            self._promise(writer, number)
        self._note_copy(writer, number)
        self.made[writer].append(next(self.writers[writer]))
        self.before[writer].append(list(self.acknowledged))

    def _promise(self, writer: int, number: int) -> None:
        if self.all_durable:
            self.durable[writer] = number + 1
        elif self.made[writer][number].makes_durable:
            earlier = self.before[writer][number]
            self.durable = [max(pair) for pair in zip(self.durable, earlier, strict=True)]
            self.durable[writer] = number + 1

    def _note_copy(self, writer: int, number: int) -> None:
        if not (name := self.made[writer][number].copy):
            return
        self.copies.pop(writer, None)
        if not self.power_is_off:
            most = [count + 1 for count in self.acknowledged]
            self.copies[writer] = Copy(name, self.before[writer][number], most)

    def pinned(self, rows: Rows) -> dict[bytes, Pinned]:
        """What the writers had made of rows when they set their pins, by what tells these apart."""
        found = {}
        for writer, made in enumerate(self.made):
            states = islice(self._states(writer, rows), 1, None)
            for write, state in zip(made, states, strict=False):
                if write.pin:
                    found[write.pin] = Pinned(dict(state), writer, len(self.writers))
        return found

    def copy_fault(self, copy: Copy, rows: Rows, found: Rows) -> str:
        """Why a checkpoint of a store that held rows before may not hold found; empty: it may."""
        for writer in range(len(self.writers)):
            own = self._own(found, writer)
            states = islice(self._states(writer, rows), copy.least[writer], copy.most[writer] + 1)
            allowed = [without_pins(state) for state in states]
            if own not in allowed:
                told = f"{copy.name} has no state of writer {writer} from its time"
                return f"{told}: {differences(own, allowed)}"
        return ""

    def fault(self, rows: Rows, found: Rows) -> str:
        """Why a store that held rows before may not hold found now; empty where it may."""
        matches: list[Counts] = []
        for writer in range(len(self.writers)):
            all_matching = list(self._matching(writer, rows, found))
            matching = [count for count in all_matching if count >= self.durable[writer]]
            if not matching:
                return self._mismatch(writer, rows, found, all_matching)
            matches.append(matching)
        return self._hole(matches)

    def lost(self, rows: Rows, found: Rows) -> int:
        """How many acknowledged writes, none of them durable, are not in found, at least."""
        matches = [max(self._matching(each, rows, found)) for each in range(len(self.writers))]
        pairs = zip(self.acknowledged, matches, strict=True)
        return sum(max(0, acknowledged - match) for acknowledged, match in pairs)

    def _own(self, rows: Rows, writer: int) -> Rows:
        return own_rows(rows, writer, len(self.writers))

    def _states(self, writer: int, rows: Rows) -> Iterator[Rows]:
        """The rows of a writer after each number of its writes; one dict, which changes.

        The last write was under way. After a close there was none, but for a write that was
        refused, which a named error may leave unknown.
        """
        state = self._own(rows, writer)
        yield state
        made = self.made[writer]
        ended = self.closed and writer not in self.refused
        for write in islice(made, len(made) - ended):
            write.apply(state)
            yield state

    def _matching(self, writer: int, rows: Rows, found: Rows) -> Iterator[int]:
        """The numbers of writes after which the rows of a writer are as found."""
        own = self._own(found, writer)
        return (count for count, state in enumerate(self._states(writer, rows)) if state == own)

    def _mismatch(self, writer: int, rows: Rows, found: Rows, matching: Iterable[int]) -> str:
        acknowledged, durable = self.acknowledged[writer], self.durable[writer]
        told = f"writer {writer}: {acknowledged} writes acknowledged, {durable} durable; "
        if older := list(matching):
            return told + f"the state after {older[-1]} writes: durable writes are lost"
        state = rows
        for count, each in enumerate(self._states(writer, rows)):
            if count == durable:
                state = dict(each)
        difference = differences(self._own(found, writer), [state])
        return told + f"no state of the store at all; to the durable one: {difference}"

    def _hole(self, matches: list[Counts]) -> str:
        """A write that is there without one that was acknowledged before it began."""
        for writer, matching in enumerate(matches):
            if matching[0] == 0:
                continue
            needed = self.before[writer][matching[0] - 1]
            for other, count in enumerate(needed):
                if matches[other][-1] < count:
                    return (
                        f"a hole: write {matching[0] - 1} of writer {writer} is there, but only "
                        f"{matches[other][-1]} of the {count} writes of writer {other} before it"
                    )
        return ""
