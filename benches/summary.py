"""Turns results into the lines of the table: medians, ratio to the best peer, verdict."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from benches import engines
from benches.floors import RAW_PREFIX
from benches.goals import (
    FEATURE_ROWS,
    GOALS,
    NOISE_BOUND_MAX,
    RAM_KEYS_MIN,
    ROWS,
    WITHOUT,
    Goal,
    Kind,
    Row,
)
from benches.ratios import Estimate, estimate, lowest, paired_ratio
from benches.results import Results

MET = "met"
NOISE = "within noise"
MISSED = "missed"
NOT_JUDGED = "not judged"

REGRESSION_FACTOR = 1.1
"""How much worse a row must have become, interval against interval, to be called so."""


@dataclass(frozen=True)
class Line:
    """A row of the table. `figure` is the judged one: a ratio, or pykv's own value."""

    row: Row
    medians: dict[str, float]
    against: str | None
    figure: Estimate | None
    goal: Goal | None
    verdict: str


@dataclass(frozen=True)
class Change:
    """How a row's judged figure moved between two runs; `factor` above 1 is better."""

    row: Row
    before: Estimate
    after: Estimate
    factor: float
    worse: bool


def lines(results: Results) -> list[Line]:
    """The rows that were measured, in the order of the table."""
    return [_line(results, row) for row in ROWS if results.samples.get(row.name)]


def of_features(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """The lines beside peers, and those of features, which stand in a table of their own."""
    features = [line for line in lines if line.row.name in FEATURE_ROWS]
    return [line for line in lines if line not in features], features


def beside(line: Line) -> str:
    """Of a line of a feature, what it stands beside; a dash for nothing."""
    return "-" if line.against is None else number(line.medians[line.against])


def changes(before: Results, after: Results) -> list[Change]:
    """The rows that both runs judge against the same kind of thing."""
    olds = {line.row.name: line for line in lines(before)}
    found: list[Change] = []
    for line in lines(after):
        old = olds.get(line.row.name)
        if old is None or old.figure is None or line.figure is None:
            continue
        if (old.against is None) != (line.against is None):
            continue
        found.append(_change(line.row, old.figure, line.figure, _higher_is_better(line)))
    return found


def judge(goal: Goal, figure: Estimate) -> str:
    """Whether the goal is met. Close ratio goals fail only with their whole interval."""
    if goal.kind is Kind.PEER:
        met, reachable = figure.value >= goal.bound, figure.high >= goal.bound
        close = goal.bound <= NOISE_BOUND_MAX
    else:
        met, reachable = figure.value <= goal.bound, figure.low <= goal.bound
        close = goal.kind in (Kind.FLOOR, Kind.COST)
    if met:
        return MET
    return NOISE if reachable and close else MISSED


def number(value: float) -> str:
    """A figure in three digits or so, never in exponents."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def figure_text(line: Line) -> str:
    """The judged figure with its interval; empty if there is none."""
    figure = line.figure
    if figure is None:
        return ""
    sign = "x" if line.against else ""
    return f"{figure.value:.2f}{sign} [{figure.low:.2f}-{figure.high:.2f}]"


def _line(results: Results, row: Row) -> Line:
    samples = results.samples[row.name]
    medians = {name: median(values) for name, values in samples.items()}
    goal = GOALS.get(results.pykv_engine, {}).get(row.name)
    own = samples.get(engines.SUBJECT)
    if own is None:
        return Line(row, medians, None, None, goal, "")
    kind = goal.kind if goal else (Kind.COST if WITHOUT in samples else Kind.PEER)
    against, figure = _figure(results, row, kind, own)
    return Line(row, medians, against, figure, goal, _verdict(results, row, goal, figure))


def _figure(
    results: Results, row: Row, kind: Kind, own: list[float]
) -> tuple[str | None, Estimate | None]:
    samples = results.samples[row.name]
    if kind is Kind.VALUE:
        return None, estimate(own)
    if kind is Kind.FLOOR:
        raw = lowest({name: samples[name] for name in samples if name.startswith(RAW_PREFIX)})
        return raw, paired_ratio(own, samples[raw]) if raw else None
    if kind is Kind.COST:
        return WITHOUT, paired_ratio(own, samples[WITHOUT])
    best = lowest({name: samples[name] for name in samples if _comparable(results, name)})
    return best, paired_ratio(samples[best], own) if best else None


def _comparable(results: Results, name: str) -> bool:
    """Peers that were measured on as many keys as pykv."""
    counts = results.key_counts
    return name in engines.PEERS and counts[name] == counts[engines.SUBJECT]


def _verdict(results: Results, row: Row, goal: Goal | None, figure: Estimate | None) -> str:
    if goal is None:
        return ""
    too_few = row.name == "ram" and results.key_counts[engines.SUBJECT] < RAM_KEYS_MIN
    return NOT_JUDGED if figure is None or too_few else judge(goal, figure)


def _higher_is_better(line: Line) -> bool:
    return line.against in engines.PEERS


def _change(row: Row, before: Estimate, after: Estimate, higher_is_better: bool) -> Change:
    if higher_is_better:
        worse = after.high * REGRESSION_FACTOR < before.low
        factor = after.value / before.value
    else:
        worse = after.low > before.high * REGRESSION_FACTOR
        factor = before.value / after.value
    return Change(row, before, after, factor, worse)
