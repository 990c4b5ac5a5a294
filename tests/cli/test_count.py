"""`pykv count` tells how many keys there are."""

import json
from pathlib import Path

import pytest

from pykv.cli.failures import Exit
from tests.cli.conftest import Run


def test_every_engine_counts_its_keys(run: Run, database: Path, ordered: Path) -> None:
    assert run("count", database).stdout == "3\n"
    assert run("count", ordered).stdout == "4\n"


@pytest.mark.parametrize(
    ("args", "count"),
    [
        (["--prefix", "t"], 2),
        (["--start", "three"], 3),
        (["--stop", "two"], 2),
        (["--start", "p", "--stop", "tw"], 1),
        (["--start", "\\xff"], 1),
        (["--start", b"two".hex(), "--key-format", "hex"], 2),
        (["--prefix", "x"], 0),
    ],
)
def test_bounds_narrow_it(run: Run, ordered: Path, args: list[str], count: int) -> None:
    result = run("count", ordered, *args, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (Exit.GOOD, {"count": count})


def test_bounds_without_order_are_refused(run: Run, database: Path) -> None:
    result = run("count", database, "--prefix", "o")
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "no order" in result.stderr


def test_a_missing_database_and_a_bound_out_of_form_are_told(run: Run, tmp_path: Path) -> None:
    assert run("count", tmp_path / "nowhere").exit_code != Exit.GOOD
    result = run("count", tmp_path, "--start", "xyz", "--key-format", "hex")
    assert result.exit_code == Exit.USAGE
    assert "start 'xyz' is not hex" in result.stderr


def test_the_help_shows_examples(run: Run) -> None:
    assert "pykv count ordered --prefix user:" in run("count", "--help").stdout
