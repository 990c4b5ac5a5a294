"""The gates of `make bench-scale`, its table, and the JSON that it is kept in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benches.scale_child import TIGHT_FACTOR, Report
from benches.scale_stores import PYKV, RAW

FORMAT = 1
RATE_KEPT_MIN = 0.5
PAUSE_US_MAX = 100_000.0
PEER = "rocksdict"
SUBJECT = "pykv-lsm"


@dataclass
class Outcome:
    """A run: conditions, and a report an engine, in the order in which they were measured."""

    made: str
    key_count: int
    bin_keys: int
    seed: int
    budget_bytes: int
    machine: dict[str, str]
    control_group: str = ""
    seconds: float = 0.0
    reports: dict[str, Report] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gate:
    """What was to be reached, what was, and whether that will do."""

    title: str
    reached: str
    wanted: str
    met: bool


def gates(reports: Mapping[str, Report], key_count: int) -> list[Gate]:
    """The gates that the engines which were measured are held to, with so many keys put."""
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
    """The rate of the last bin over that of the first."""
    rates = report.bin_rates
    return rates[-1] / rates[0] if rates else 0.0


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
        longest <= PAUSE_US_MAX,
    )


def _below(what: str, unit: str, ours: float, theirs: float) -> Gate:
    wanted = f"at most that of {PEER}, {theirs:.2f}{unit}"
    return Gate(f"{SUBJECT}: {what}", f"{ours:.2f}{unit}", wanted, ours <= theirs)


def save(outcome: Outcome, path: Path) -> None:
    """Writes the JSON, gates included, and its directory if need be."""
    judged = [asdict(gate) for gate in gates(outcome.reports, outcome.key_count)]
    fields: dict[str, Any] = {"format": FORMAT, "kind": "scale"} | asdict(outcome)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields | {"gates": judged}, indent=1) + "\n", encoding="utf-8")


def conditions(outcome: Outcome) -> list[str]:
    """What the figures hold for."""
    machine = outcome.machine
    limit = (
        f"in the control group {outcome.control_group}"
        if outcome.control_group
        else "the page cache is not limited (--control-group would do that)"
    )
    return [
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory']}, "
        f"{machine['system']}, {machine['file system']}, {machine['python']}.",
        f"Data: {outcome.key_count:,} random keys of 16 B, values of 100 B of which 50 B are "
        "random; one thread; durability os.",
        f"Growth: put one by one, memory budget {outcome.budget_bytes >> 20} MiB an engine. "
        f"Rates by {outcome.bin_keys:,} keys.",
        f"Tight: data {TIGHT_FACTOR} times the memory budget, which is at least 16 MiB; {limit}.",
        *(
            f"{name} {report.version}: {report.settings}."
            for name, report in outcome.reports.items()
        ),
    ]


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Conditions, tables, gates and notes."""
    for sentence in conditions(outcome):
        console.print(sentence, highlight=False)
    console.print(_figures(outcome))
    console.print(_rates(outcome))
    console.print(_gates(outcome))
    for note in outcome.notes:
        console.print(f"Note: {note}", style="yellow", highlight=False)
    for name, report in outcome.reports.items():
        for note in report.notes:
            console.print(f"Note: {name}: {note}", style="yellow", highlight=False)
    console.print(f"Took {outcome.seconds:.0f} s.", highlight=False)


def _figures(outcome: Outcome) -> Table:
    table = Table(title="Times in microseconds", title_justify="left")
    table.add_column("what")
    for name in outcome.reports:
        table.add_column(name, justify="right")
    reports = list(outcome.reports.values())
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
        ("tight: put in batches, a key", [_read(r, r.tight_batch_us) for r in reports]),
        ("tight: get p50", [_read(r, r.tight_gets.p50) for r in reports]),
        (
            "tight: get p99 / p99.9",
            [_read(r, r.tight_gets.p99, r.tight_gets.p999) for r in reports],
        ),
        ("tight: get, longest, ms", [_read(r, r.tight_gets.max / 1e3) for r in reports]),
        ("tight: bytes read a get", [_read(r, r.tight_read_bytes_a_get) for r in reports]),
        ("tight: overwrite p50", [_read(r, r.tight_overwrites.p50) for r in reports]),
        (
            "tight: overwrite, longest, ms",
            [_read(r, r.tight_overwrites.max / 1e3) for r in reports],
        ),
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


def _rates(outcome: Outcome) -> Table:
    table = Table(title="Thousand puts a second", title_justify="left")
    table.add_column("up to key", justify="right")
    for name in outcome.reports:
        table.add_column(name, justify="right")
    rows = max((len(report.bin_rates) for report in outcome.reports.values()), default=0)
    for row in range(rows):
        cells = [
            f"{report.bin_rates[row] / 1e3:.0f}" if row < len(report.bin_rates) else "-"
            for report in outcome.reports.values()
        ]
        table.add_row(f"{min((row + 1) * outcome.bin_keys, outcome.key_count):,}", *cells)
    return table


def _gates(outcome: Outcome) -> Table:
    table = Table(title="Gates", title_justify="left")
    for title in ("what", "reached", "must be", ""):
        table.add_column(title)
    for gate in gates(outcome.reports, outcome.key_count):
        verdict = "[green]met[/green]" if gate.met else "[red]missed[/red]"
        table.add_row(gate.title, gate.reached, gate.wanted, verdict)
    return table
