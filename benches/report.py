"""Prints results on a terminal."""

from __future__ import annotations

from statistics import median

from rich.console import Console
from rich.table import Table

from benches import engines, summary
from benches.floors import RAW_PREFIX
from benches.measure import SYNCED_ROUNDS_FACTOR
from benches.results import Results
from benches.summary import Line, number
from benches.workloads import KEY_BYTES, VALUE_BYTES, VALUE_RANDOM_BYTES

_CPU_CLOCK = (
    "Clock: processor time of the calling thread (wall-clock for synced puts and reopen), "
    "so background work and waiting for it are left out."
)
_STYLES = {summary.MET: "green", summary.NOISE: "yellow", summary.MISSED: "red"}


def conditions(results: Results) -> list[str]:
    """What the figures hold for: machine, data, durability, caches, rounds, engines."""
    machine = results.machine
    counts = results.key_counts
    most = max(counts.values())
    fewer = [f"{name} on {count:,}" for name, count in counts.items() if count < most]
    return [
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory']}, "
        f"{machine['system']}, {machine['file system']}, {machine['python']}.",
        f"Data: {most:,} keys of {KEY_BYTES} B in random order, values of {VALUE_BYTES} B of "
        f"which {VALUE_RANDOM_BYTES} B are random"
        + (f"; {', '.join(fewer)} keys, so never taken as the best peer." if fewer else "."),
        "Durability: os (safe against the death of the process) unless the row says sync.",
        "Cache: data in the page cache, caches warmed by one scan; one thread.",
        f"Memory budget for caches: {results.budget_bytes >> 20} MiB for each engine.",
        f"Rounds: {results.rounds}, {SYNCED_ROUNDS_FACTOR} times as many of the synced rows; "
        "engines interleaved, medians; ratios are of the same round, with their 95 % bootstrap "
        "interval.",
        *([_CPU_CLOCK] if results.clock == "cpu" else []),
        *(
            f"{name} {results.versions[name]}: {settings}."
            for name, settings in results.settings.items()
        ),
    ]


def print_results(console: Console, results: Results) -> None:
    """Conditions, table, floors and notes."""
    for sentence in conditions(results):
        console.print(sentence, highlight=False)
    lines, features = summary.of_features(summary.lines(results))
    if lines:
        console.print(_table(results, lines))
    if features:
        console.print(_feature_table(features))
    _print_floors(console, results)
    console.print(f"Took {results.seconds:.0f} s.", highlight=False)
    for note in results.notes:
        console.print(f"Note: {note}", style="yellow", highlight=False)


def print_changes(console: Console, changes: list[summary.Change]) -> None:
    """How the judged figures moved against a saved run."""
    table = Table(title="Against the saved run", title_justify="left")
    for title in ("work", "before", "now", "better by", ""):
        table.add_column(title, justify="left" if title == "work" else "right")
    for change in changes:
        table.add_row(
            change.row.title,
            f"{change.before.value:.2f}",
            f"{change.after.value:.2f}",
            f"{change.factor:.2f}x",
            "[red]worse[/red]" if change.worse else "",
        )
    console.print(table)


def _table(results: Results, lines: list[Line]) -> Table:
    names = [name for name in engines.ENGINES if name in results.key_counts]
    table = Table(title="Less is better", title_justify="left")
    table.add_column("work")
    table.add_column("unit")
    table.add_column("durability")
    for name in names:
        table.add_column(name, justify="right")
    if engines.SUBJECT in names:
        for title in ("ratio", "against", "must reach", ""):
            table.add_column(title, justify="right")
    for line in lines:
        cells = [_cell(line, name) for name in names]
        judged = _judged(line) if engines.SUBJECT in names else []
        table.add_row(line.row.title, line.row.unit, line.row.durability, *cells, *judged)
    return table


def _feature_table(lines: list[Line]) -> Table:
    table = Table(title="What else it does", title_justify="left")
    for title in ("work", "unit", "durability"):
        table.add_column(title)
    for title in (engines.SUBJECT, "beside", "ratio", "against", "must reach", ""):
        table.add_column(title, justify="right")
    for line in lines:
        row, own = line.row, _cell(line, engines.SUBJECT)
        cells = [row.title, row.unit, row.durability, own, summary.beside(line)]
        table.add_row(*cells, *_judged(line))
    return table


def _cell(line: Line, name: str) -> str:
    value = line.medians.get(name)
    return "-" if value is None else number(value)


def _judged(line: Line) -> list[str]:
    goal = line.goal.text(line.row.unit) if line.goal else ""
    style = _STYLES.get(line.verdict)
    verdict = f"[{style}]{line.verdict}[/{style}]" if style else line.verdict
    return [
        summary.figure_text(line).replace("[", r"\["),
        line.against or "",
        goal,
        verdict,
    ]


def _print_floors(console: Console, results: Results) -> None:
    synced = results.samples.get("put_synced", {})
    device = results.samples.get("device", {})
    for name in sorted(name for name in synced if name.startswith(RAW_PREFIX)):
        microseconds = median(synced[name])
        text = f"{name}, 136 B and fdatasync: {microseconds:.1f} us, {1e6 / microseconds:,.0f}/s"
        if device.get(name):
            text += f", {median(device[name]):.1f} KiB to the device each"
        console.print(text, highlight=False)
    for way, microseconds in results.append_floor_us.items():
        console.print(f"append of 136 B, no sync, {way}: {microseconds:.3f} us", highlight=False)
    for work, nanoseconds in results.memory_floor_ns.items():
        console.print(f"{work}: {nanoseconds:.1f} ns", highlight=False)
