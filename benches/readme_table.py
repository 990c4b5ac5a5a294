"""Makes the README's tables of measurements from committed results.

The README names the file in the first of two marker lines, and its table stands between them:

    <!-- bench: begin benches/results/2026-01-31-bitcask.json -->
    <!-- bench: end -->
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from benches import engines, scale_report, summary
from benches.machine import REPOSITORY
from benches.report import conditions
from benches.results import Results, ResultsError
from benches.scale_table import scale_table
from benches.summary import Line, number

_MARKED = re.compile(
    r"(?P<begin><!-- bench: begin (?P<file>\S+) -->\n).*?(?P<end><!-- bench: end -->)", re.DOTALL
)


_FEATURES_HEAD = (
    ["what else it does", "pykv", "beside", "ratio", "against", "must reach", ""],
    ["---", "---:", "---:", "---:", "---", "---", "---"],
)


class MarkersMissingError(Exception):
    """The text has no marker lines."""


def table(results: Results) -> str:
    """The table and the conditions it holds for, in Markdown, ending with a newline."""
    names = [name for name in engines.ENGINES if name in results.key_counts]
    header = ["work", *names, "ratio", "against", "must reach", ""]
    rules = ["---", *["---:"] * (len(names) + 1), "---", "---", "---"]
    lines, features = summary.of_features(summary.lines(results))
    text = [_joined(cells) for cells in [header, rules, *(_cells(line, names) for line in lines)]]
    if features:
        text += ["", *map(_joined, [*_FEATURES_HEAD, *map(_feature_cells, features)])]
    sentences = [f"Measured {results.made[:10]}.", *conditions(results)]
    return "\n".join([*text, "", *(f"- {sentence}" for sentence in sentences)]) + "\n"


def replaced(text: str, root: Path) -> str:
    """The text with a fresh table between each two markers. The files they name are below `root`.

    MarkersMissingError, or ResultsError if a file cannot be read.
    """
    fresh, count = _MARKED.subn(lambda found: _marked_table(found, root), text)
    if count == 0:
        raise MarkersMissingError("no lines <!-- bench: begin FILE --> and <!-- bench: end -->")
    return fresh


def _marked_table(found: re.Match[str], root: Path) -> str:
    path = root / found["file"]
    if scale_report.is_scale(path):
        return found["begin"] + scale_table(scale_report.load(path)) + found["end"]
    results = Results.load(path)
    if results.clock != "wall":
        raise ResultsError(f"{found['file']}: processor time is not what a user waits for")
    return found["begin"] + table(results) + found["end"]


@click.command(epilog="Example: python -m benches.readme_table --check")
@click.option("--check", is_flag=True, help="Change nothing; exit code 1 if a table is stale.")
@click.option(
    "--readme",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    default=REPOSITORY / "README.md",
    help="The file to change.  [default: README.md]",
)
def main(check: bool, readme: Path) -> None:
    """Make the README's tables of measurements from the results it names."""
    text = readme.read_text(encoding="utf-8")
    try:
        fresh = replaced(text, readme.resolve().parent)
    except (MarkersMissingError, ResultsError, OSError) as error:
        raise click.ClickException(f"{readme}: {error}") from error
    if fresh == text:
        return
    if check:
        click.echo(f"{readme}: a table is stale; run python -m benches.readme_table", err=True)
        sys.exit(1)
    readme.write_text(fresh, encoding="utf-8")


def _cells(line: Line, names: list[str]) -> list[str]:
    values = [line.medians.get(name) for name in names]
    return [
        f"{line.row.title}, {line.row.unit}",
        *("-" if value is None else number(value) for value in values),
        *_judged(line),
    ]


def _feature_cells(line: Line) -> list[str]:
    title = f"{line.row.title}, {line.row.unit}"
    return [title, number(line.medians[engines.SUBJECT]), summary.beside(line), *_judged(line)]


def _judged(line: Line) -> list[str]:
    return [
        summary.figure_text(line),
        line.against or "",
        line.goal.text(line.row.unit) if line.goal else "",
        line.verdict,
    ]


def _joined(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
