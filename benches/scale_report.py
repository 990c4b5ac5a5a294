"""The gates of `make bench-scale`, its tables, and the JSON that it is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import harmonic_mean
from typing import Any

from rich.console import Console
from rich.table import Table

from benches.results import ResultsError
from benches.scale_child import RAW_BYTES, Report, report_of
from benches.scale_stores import PYKV, RAW

FORMAT = 2
KIND = "scale"
RATE_KEPT_MIN = 0.5
TENTHS = 10
PAUSE_US_MAX = 100_000.0
TIGHT_FACTOR = 4
PEER = "rocksdict"
SUBJECT = "pykv-lsm"


class Part(StrEnum):
    """What an engine is measured at."""

    GROWTH = "growth"
    TIGHT = "tight"


@dataclass
class Outcome:
    """A run: conditions, and for each part a report an engine, in the order of measuring.
    limit_bytes: of memory in the part *tight*, 0 where there could be none, and then why."""

    made: str
    key_count: int
    bin_keys: int
    seed: int
    budget_bytes: int
    machine: dict[str, str]
    tight_budget_bytes: int = 0
    limit_bytes: int = 0
    limit_missing: str = ""
    seconds: float = 0.0
    reports: dict[Part, dict[str, Report]] = field(
        default_factory=lambda: {part: {} for part in Part}
    )
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    """What was to be reached, what was, and whether that will do."""

    title: str
    reached: str
    wanted: str
    met: bool


def gates(outcome: Outcome) -> list[Gate]:
    """The gates that the engines which were measured are held to, the same in both parts. What an
    engine that failed did not reach stands as 0 and misses."""
    return [
        Gate(f"{part}: {gate.title}", gate.reached, gate.wanted, gate.met)
        for part, reports in outcome.reports.items()
        for gate in _gates_of(reports, outcome.key_count)
    ]


def _gates_of(reports: Mapping[str, Report], key_count: int) -> list[Gate]:
    judged: list[Gate] = []
    for name in PYKV:
        report = reports.get(name)
        if report is not None:
            judged += [_rate_gate(name, report), _pause_gate(name, report)]
    judged += [
        _count_gate(name, reports[name], key_count)
        for name in (*PYKV, PEER)
        if name in reports and any(ours in reports for ours in PYKV)
    ]
    subject, peer = reports.get(SUBJECT), reports.get(PEER)
    if subject is not None and peer is not None:
        judged += [
            _below(
                "write amplification", "", subject.write_amplification, peer.write_amplification
            ),
            _below("p99.9 of gets", " us", subject.gets.p999, peer.gets.p999),
        ]
    return judged


def rate_kept(report: Report) -> float:
    """The rate of the last tenth over that of the first: single bins scatter by a fifth."""
    rates = report.bin_rates
    bins = max(1, len(rates) // TENTHS)
    return harmonic_mean(rates[-bins:]) / harmonic_mean(rates[:bins]) if rates else 0.0


def _rate_gate(name: str, report: Report) -> Gate:
    kept = rate_kept(report)
    title = f"{name}: insert rate at the end over that at the beginning"
    return Gate(title, f"{kept:.2f}", f"at least {RATE_KEPT_MIN:g}", kept >= RATE_KEPT_MIN)


def _count_gate(name: str, report: Report, key_count: int) -> Gate:
    """What was measured of fewer keys says nothing of so many."""
    return Gate(
        f"{name}: keys put in the time there was",
        f"{report.key_count:,}",
        f"{key_count:,}",
        report.key_count >= key_count,
    )


def _pause_gate(name: str, report: Report) -> Gate:
    longest = report.puts.max
    return Gate(
        f"{name}: longest put",
        f"{longest / 1e3:.1f} ms",
        f"at most {PAUSE_US_MAX / 1e3:g} ms",
        0 < longest <= PAUSE_US_MAX,
    )


def _below(what: str, unit: str, ours: float, theirs: float) -> Gate:
    wanted = f"at most that of {PEER}, {theirs:.2f}{unit}"
    return Gate(f"{SUBJECT}: {what}", f"{ours:.2f}{unit}", wanted, 0 < ours <= theirs)


def save(outcome: Outcome, path: Path) -> None:
    """Writes the JSON, gates included, and its directory if need be."""
    judged = [asdict(gate) for gate in gates(outcome)]
    fields: dict[str, Any] = {"format": FORMAT, "kind": KIND} | asdict(outcome)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields | {"gates": judged}, indent=1) + "\n", encoding="utf-8")


def is_scale(path: Path) -> bool:
    """Whether the file is one that save wrote, by what it says itself."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(fields, dict) and fields.get("kind") == KIND


def load(path: Path) -> Outcome:
    """What save wrote. ResultsError if it is not that, or of another format."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if (fields.pop("kind"), fields.pop("format")) != (KIND, FORMAT):
            raise ResultsError(f"{path}: not a run of `make bench-scale` in format {FORMAT}")
        del fields["gates"]
        fields["reports"] = {
            Part(part): {name: report_of(report) for name, report in reports.items()}
            for part, reports in fields["reports"].items()
        }
        return Outcome(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ResultsError(f"{path}: {error}") from error


def conditions(outcome: Outcome) -> list[str]:
    """What the figures hold for."""
    machine = outcome.machine
    return [
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory']}, "
        f"{machine['system']}, {machine['file system']}, {machine['python']}.",
        f"Data: {outcome.key_count:,} random keys of 16 B, values of 100 B of which 50 B are "
        f"random, put one by one; one thread; durability os. Rates by {outcome.bin_keys:,} keys.",
        f"Growth: memory budget {outcome.budget_bytes >> 20} MiB an engine; the files stay in the "
        "page cache while rows are got.",
        f"Tight: {outcome.tight_budget_bytes >> 20} MiB an engine; {_limit(outcome)}.",
        *(
            f"{name} {report.version}: {report.settings}."
            for name, report in outcome.reports[Part.GROWTH].items()
        ),
    ]


def _limit(outcome: Outcome) -> str:
    if not outcome.limit_bytes:
        return (
            f"the page cache is not limited, so it may hold all the data ({outcome.limit_missing})"
        )
    times = outcome.key_count * RAW_BYTES / outcome.limit_bytes
    return (
        f"the process and its page cache have {outcome.limit_bytes >> 20} MiB, and keys and values "
        f"are {times:.1f} times that"
    )


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Conditions, tables, gates and notes."""
    for sentence in conditions(outcome):
        console.print(sentence, highlight=False)
    for part, reports in outcome.reports.items():
        console.print(_figures(part, reports))
        console.print(_rates(part, reports, outcome))
    console.print(_gates(outcome))
    for note in outcome.notes:
        console.print(f"Note: {note}", style="yellow", highlight=False)
    for part, reports in outcome.reports.items():
        for name, report in reports.items():
            for note in report.notes:
                console.print(f"Note: {part}: {name}: {note}", style="yellow", highlight=False)
    console.print(f"Took {outcome.seconds:.0f} s.", highlight=False)


def _figures(part: Part, by_name: Mapping[str, Report]) -> Table:
    table = Table(title=f"{part.capitalize()}, times in microseconds", title_justify="left")
    table.add_column("what")
    for name in by_name:
        table.add_column(name, justify="right")
    reports = list(by_name.values())
    for title, cells in (
        ("put p50", [f"{r.puts.p50:.2f}" for r in reports]),
        ("put p99 / p99.9", [f"{r.puts.p99:.1f} / {r.puts.p999:.1f}" for r in reports]),
        ("put, longest, ms", [f"{r.puts.max / 1e3:.1f}" for r in reports]),
        ("rate kept", [f"{rate_kept(r):.2f}" for r in reports]),
        ("slowed down / stopped, s", [_waits(r) for r in reports]),
        ("write amplification", [f"{r.write_amplification:.2f}" for r in reports]),
        ("space amplification / closed", [_space(r) for r in reports]),
        ("get p50", [_read(r, r.gets.p50) for r in reports]),
        ("get p99 / p99.9", [_read(r, r.gets.p99, r.gets.p999) for r in reports]),
        ("get, longest, ms", [_read(r, r.gets.max / 1e3) for r in reports]),
        ("bytes read a get", [_read(r, r.read_bytes_a_get) for r in reports]),
        ("overwrite p50", [_read(r, r.overwrites.p50) for r in reports]),
        ("overwrite, longest, ms", [_read(r, r.overwrites.max / 1e3) for r in reports]),
        ("checkpoint / links and a sync, ms", [_checkpoint(r) for r in reports]),
        ("all of it, s", [f"{r.seconds:.0f}" for r in reports]),
    ):
        table.add_row(title, *cells)
    return table


def _waits(report: Report) -> str:
    if report.engine not in PYKV:
        return "-"
    return f"{report.delay_seconds:.1f} / {report.stall_seconds:.1f}"


def _space(report: Report) -> str:
    return f"{report.space_amplification:.2f} / {report.space_amplification_closed:.2f}"


def _read(report: Report, *figures: float) -> str:
    return "-" if report.engine == RAW else " / ".join(f"{figure:.2f}" for figure in figures)


def _checkpoint(report: Report) -> str:
    if not report.checkpoint_ms:
        return "-"
    return f"{report.checkpoint_ms:.2f} / {report.links_ms:.2f}"


def _rates(part: Part, reports: Mapping[str, Report], outcome: Outcome) -> Table:
    table = Table(title=f"{part.capitalize()}, thousand puts a second", title_justify="left")
    table.add_column("up to key", justify="right")
    for name in reports:
        table.add_column(name, justify="right")
    rows = max((len(report.bin_rates) for report in reports.values()), default=0)
    for row in range(rows):
        cells = [
            f"{report.bin_rates[row] / 1e3:.0f}" if row < len(report.bin_rates) else "-"
            for report in reports.values()
        ]
        table.add_row(f"{min((row + 1) * outcome.bin_keys, outcome.key_count):,}", *cells)
    return table


def _gates(outcome: Outcome) -> Table:
    table = Table(title="Gates", title_justify="left")
    for title in ("what", "reached", "must be", ""):
        table.add_column(title)
    for gate in gates(outcome):
        verdict = "[green]met[/green]" if gate.met else "[red]missed[/red]"
        table.add_row(gate.title, gate.reached, gate.wanted, verdict)
    return table
