"""The outcome of a run, and the JSON it is kept in."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

FORMAT = 1

Samples = dict[str, dict[str, list[float]]]


class ResultsError(Exception):
    """A file does not hold results that this version reads."""


@dataclass
class Results:
    """Everything a run measured. Samples are by row, then by engine, one a round, in the
    unit of the row; the raw ways of a synced append stand among the engines of their rows.
    """

    pykv_engine: str
    made: str
    rounds: int
    seed: int
    budget_bytes: int
    key_counts: dict[str, int]
    machine: dict[str, str]
    versions: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    samples: Samples = field(default_factory=dict)
    append_floor_us: dict[str, float] = field(default_factory=dict)
    memory_floor_ns: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    clock: str = "wall"
    notes: list[str] = field(default_factory=list)

    def add(self, row: str, engine: str, figure: float) -> None:
        """Appends the sample of one round."""
        self.samples.setdefault(row, {}).setdefault(engine, []).append(round(figure, 5))

    def save(self, path: Path) -> None:
        """Writes the file, and its directory if need be."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT} | asdict(self), indent=1)
        path.write_text(_join_lists(text) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Reads a file that `save` wrote. ResultsError if it is something else."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("format") != FORMAT:
                raise ResultsError(f"{path}: made by another version of the benches")
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ResultsError(f"{path}: not results of the benches ({error})") from error


def _join_lists(text: str) -> str:
    """Puts each list of numbers on one line, so that a diff shows a row as a line."""
    return re.sub(r"\[([-+.,eE0-9\s]*)\]", lambda found: f"[{' '.join(found[1].split())}]", text)
