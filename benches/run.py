"""`make bench`: measures pykv and every installed peer side by side and prints the table."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from benches import engines, measure, summary
from benches.goals import GOALS, ROW_BY_NAME
from benches.machine import REPOSITORY
from benches.measure import ChildFailedError, Plan
from benches.report import print_changes, print_results
from benches.results import Results, ResultsError

RESULTS = REPOSITORY / "benches" / "results"
STORES = REPOSITORY / "build" / "bench" / "stores"
KEYS, ROUNDS = 1_000_000, 5
QUICK_KEYS, QUICK_ROUNDS = 100_000, 2
KEYS_MIN = 1_000
PRINT_COLUMNS_MIN = 150


@dataclass(frozen=True)
class Names(click.ParamType[tuple[str, ...]]):
    """A comma-separated choice of names."""

    known: tuple[str, ...]
    name: str = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Splits; a usage error names what is not known."""
        if isinstance(value, tuple):
            return value
        asked = [part.strip() for part in str(value).split(",") if part.strip()]
        unknown = [part for part in asked if part not in self.known]
        if unknown or not asked:
            wrong = ", ".join(unknown) or "nothing"
            self.fail(f"{wrong} is not one of {', '.join(self.known)}", param, ctx)
        return tuple(name for name in self.known if name in asked)


@click.command(epilog="Example: python -m benches.run --quick --engines pykv,lmdb --rows put,get")
@click.option(
    "--engines",
    "engine_names",
    type=Names(engines.ENGINES),
    help=f"Comma-separated, of {', '.join(engines.ENGINES)}. Default: all that are installed.",
)
@click.option(
    "--rows",
    type=Names(tuple(ROW_BY_NAME)),
    default=tuple(ROW_BY_NAME),
    help=f"Comma-separated, of {', '.join(ROW_BY_NAME)}. Default: all.",
)
@click.option("--keys", type=click.IntRange(min=KEYS_MIN), help=f"Keys. Default: {KEYS:,}.")
@click.option("--rounds", type=click.IntRange(1, 100), help=f"Rounds. Default: {ROUNDS}.")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Time a run may take: on a busy machine it does fewer rounds.",
)
@click.option(
    "--clock",
    type=click.Choice(["wall", "cpu"]),
    default="wall",
    show_default=True,
    help="cpu: processor time of the calling thread, steadier on a busy machine; not to publish.",
)
@click.option("--quick", is_flag=True, help=f"{QUICK_KEYS:,} keys, {QUICK_ROUNDS} rounds, no file.")
@click.option(
    "--pykv-engine",
    type=click.Choice(sorted(GOALS)),
    default="bitcask",
    show_default=True,
    help="The engine of pykv.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of keys, values and orders.")
@click.option(
    "--budget",
    "budget_mebibytes",
    type=click.IntRange(min=1),
    default=256,
    show_default=True,
    help="Memory for caches, MiB an engine.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=STORES,
    help="Where the stores are made; its device is what is measured.  [default: build/bench]",
)
@click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to keep the results.  [default: benches/results/DATE-ENGINE.json]",
)
@click.option(
    "--compare",
    "compare_path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Compare with results kept before; exit code 1 if a row became worse.",
)
def main(
    engine_names: tuple[str, ...] | None,
    rows: tuple[str, ...],
    keys: int | None,
    rounds: int | None,
    minutes: float,
    clock: str,
    quick: bool,
    pykv_engine: str,
    seed: int,
    budget_mebibytes: int,
    directory: Path,
    json_path: Path | None,
    compare_path: Path | None,
) -> None:
    """Measure pykv and its peers side by side."""
    console = Console(width=_width())
    before = _load(compare_path)
    names = _available(engine_names, console)
    plan = Plan(
        engine_names=names,
        rows=rows,
        keys=keys or (QUICK_KEYS if quick else KEYS),
        rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS),
        directory=directory,
        pykv_engine=pykv_engine,
        seed=seed,
        budget_bytes=budget_mebibytes << 20,
        seconds_max=minutes * 60,
        clock=clock,
    )
    results = _measure(plan)
    print_results(console, results)
    path = json_path or (None if quick else _default_path(plan))
    if path is not None:
        results.save(path)
        console.print(f"Kept in {path}", highlight=False)
    if before is not None:
        if before.clock != results.clock:
            console.print("Note: the saved run used another clock", style="yellow")
        changes = summary.changes(before, results)
        print_changes(console, changes)
        sys.exit(1 if any(change.worse for change in changes) else 0)


def _available(asked: tuple[str, ...] | None, console: Console) -> tuple[str, ...]:
    """The engines to measure: those asked for must be there, of the others those that are."""
    missing = [name for name in asked or engines.ENGINES if not engines.installed(name)]
    if asked and missing:
        raise click.UsageError(f"not installed: {', '.join(missing)}")
    if missing:
        console.print(f"Not installed, so left out: {', '.join(missing)}", style="yellow")
    return asked or tuple(name for name in engines.ENGINES if name not in missing)


def _measure(plan: Plan) -> Results:
    errors = Console(stderr=True)
    try:
        with errors.status("") as status:
            results = measure.run(plan, status.update)
    except ChildFailedError as error:
        raise click.ClickException(str(error)) from error
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        results.notes.append(
            f"the machine was busy (load {load:.1f} on {cores} cores): take ratios, not times"
        )
    return results


def _load(path: Path | None) -> Results | None:
    if path is None:
        return None
    try:
        return Results.load(path)
    except ResultsError as error:
        raise click.ClickException(str(error)) from error


def _default_path(plan: Plan) -> Path:
    subject = plan.pykv_engine if engines.SUBJECT in plan.engine_names else "peers"
    return RESULTS / f"{datetime.now(UTC).date().isoformat()}-{subject}.json"


def _width() -> int | None:
    """Wide enough for the table when the output is not a terminal."""
    return None if sys.stdout.isatty() else PRINT_COLUMNS_MIN


if __name__ == "__main__":
    main()
