"""`make bench-scale`: how the engines do as data grows, and when it is larger than their memory.

Each engine is measured twice, each time in a process of its own: *growth*, with the memory of the
machine, and *tight*, with a limit of memory that is a quarter of the keys and values.

Exit code 0: all gates are met; 1: one is not; 2: the arguments are wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import click
from rich.console import Console

from benches import machine, scale_stores
from benches.memory_limit import memory_limit
from benches.run import PRINT_COLUMNS_MIN, STORES, Names
from benches.scale_child import RAW_BYTES, Report, Specification, report_of
from benches.scale_report import TIGHT_FACTOR, Outcome, Part, gates, print_outcome, save

KEYS = 20_000_000
BIN_KEYS = 1_000_000
BINS_MIN = 10
LIMIT_BYTES_MIN = 192 << 20
"""What a process needs that keeps next to nothing."""
BUDGET_BYTES_MIN = 16 << 20
KILL_FACTOR = 1.5
"""A child that takes so many times its time is killed."""
RESULTS = machine.REPOSITORY / "build" / "bench" / "scale.json"


@dataclass(frozen=True)
class Plan:
    """What to measure, and in how much time. seconds_max: of one engine in one part."""

    engine_names: tuple[str, ...]
    key_count: int
    seed: int
    budget_bytes: int
    seconds_max: float
    directory: Path

    @property
    def bin_keys(self) -> int:
        """Keys of one rate: a million, fewer where there would be too few rates."""
        return max(1, min(BIN_KEYS, self.key_count // BINS_MIN))

    @property
    def limit_bytes(self) -> int:
        """The limit of memory of the part *tight*."""
        return max(self.key_count * RAW_BYTES // TIGHT_FACTOR, LIMIT_BYTES_MIN)

    def tight_budget_bytes(self, limited: bool) -> int:
        """The memory budget of the part *tight*: half the limit, which holds Python and the page
        cache too; without a limit, a quarter of the data."""
        if limited:
            return self.limit_bytes // 2
        return max(self.key_count * RAW_BYTES // TIGHT_FACTOR, BUDGET_BYTES_MIN)


@click.command(epilog="Example: python -m benches.scale --keys 200000 --engines pykv-lsm,rocksdict")
@click.option(
    "--engines",
    "engine_names",
    type=Names(scale_stores.KNOWN),
    default=scale_stores.DEFAULT,
    help=f"Comma-separated, of {', '.join(scale_stores.KNOWN)}. Default: the first four.",
)
@click.option("--keys", type=click.IntRange(min=1000), default=KEYS, show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=10,
    show_default=True,
    help="Time an engine may take, half in each part: one that is out of it stops where it is.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of keys and values.")
@click.option(
    "--budget",
    "budget_mebibytes",
    type=click.IntRange(min=16),
    default=256,
    show_default=True,
    help="Memory for caches while data grows, MiB an engine.",
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
    default=RESULTS,
    help="Where to keep the results.  [default: build/bench/scale.json]",
)
def main(
    engine_names: tuple[str, ...],
    keys: int,
    minutes: float,
    seed: int,
    budget_mebibytes: int,
    directory: Path,
    json_path: Path,
) -> None:
    """Measure pykv and its peers as data grows."""
    console = Console(width=None if sys.stdout.isatty() else PRINT_COLUMNS_MIN)
    missing = [name for name in engine_names if not scale_stores.installed(name)]
    if missing:
        console.print(f"Not installed, so left out: {', '.join(missing)}", style="yellow")
    plan = Plan(
        engine_names=tuple(name for name in engine_names if name not in missing),
        key_count=keys,
        seed=seed,
        budget_bytes=budget_mebibytes << 20,
        seconds_max=minutes * 60 / len(Part),
        directory=directory,
    )
    outcome = measure(plan)
    print_outcome(console, outcome)
    save(outcome, json_path)
    console.print(f"Kept in {json_path}", highlight=False)
    sys.exit(0 if all(gate.met for gate in gates(outcome)) else 1)


def measure(plan: Plan) -> Outcome:
    """Measures one engine after the other, each part in a process of its own."""
    start = monotonic()
    plan.directory.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        key_count=plan.key_count,
        bin_keys=plan.bin_keys,
        seed=plan.seed,
        budget_bytes=plan.budget_bytes,
        machine=machine.describe(plan.directory),
    )
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        outcome.notes.append(f"the machine was busy at the start (load {load:.1f})")
    for name in plan.engine_names:
        outcome.reports[Part.GROWTH][name] = _measured(plan, name, plan.budget_bytes)
    with memory_limit(plan.limit_bytes) as limit:
        outcome.limit_bytes = plan.limit_bytes if limit.group else 0
        outcome.limit_missing = limit.missing
        outcome.tight_budget_bytes = plan.tight_budget_bytes(bool(limit.group))
        for name in plan.engine_names:
            outcome.reports[Part.TIGHT][name] = _measured(
                plan, name, outcome.tight_budget_bytes, limit.group
            )
    outcome.seconds = monotonic() - start
    return outcome


def _measured(plan: Plan, name: str, budget_bytes: int, control_group: str = "") -> Report:
    with tempfile.TemporaryDirectory(dir=plan.directory) as directory:
        spec = Specification(
            engine=name,
            key_count=plan.key_count,
            bin_keys=plan.bin_keys,
            seed=plan.seed,
            budget_bytes=budget_bytes,
            directory=directory,
            seconds_max=plan.seconds_max,
            control_group=control_group,
        )
        report = _child(spec)
    os.sync()
    return report


def _child(spec: Specification) -> Report:
    """What the child says; of one that fails, why: the others are measured all the same."""
    command = [sys.executable, "-m", "benches.scale_child", json.dumps(asdict(spec))]
    try:
        done = subprocess.run(
            command,
            cwd=machine.REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
            timeout=spec.seconds_max * KILL_FACTOR + 10,
        )
    except subprocess.TimeoutExpired as error:
        return Report(spec.engine, notes=[f"killed after {error.timeout:.0f} s"])
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["nothing said"])[-1]
        return Report(spec.engine, notes=[f"failed with {error.returncode}: {last}"])
    return report_of(json.loads(done.stdout))


if __name__ == "__main__":
    main()
