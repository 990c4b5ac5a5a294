"""`pykv repair` saves what can be read."""

import json
from pathlib import Path

import pykv
from pykv.cli.failures import Exit
from pykv.cli.repair import _verdict
from pykv.store import Report
from tests.cli.conftest import Run, rows_of


def test_what_can_be_read_is_saved_and_the_rest_kept_aside(run: Run, damaged: Path) -> None:
    result = run("repair", damaged)
    assert result.exit_code == Exit.GOOD
    assert result.stdout.splitlines()[-1] == "repaired: 1 record kept, 1 damage left behind, 1 lost"
    assert rows_of(damaged) == {b"second": b"a value that stays"}
    assert run("verify", damaged).exit_code == Exit.GOOD
    assert any(path.name.startswith("damaged-") for path in damaged.iterdir())


def test_a_program_reads_the_report(run: Run, damaged: Path) -> None:
    report = json.loads(run("repair", damaged, "--json").stdout)
    assert (report["kept_record_count"], report["damage_count"]) == (1, 1)


def test_a_good_database_stays_as_it_is(run: Run, database: Path) -> None:
    before = rows_of(database)
    result = run("repair", database)
    assert (result.exit_code, result.stdout) == (
        Exit.GOOD,
        "repaired: 3 records kept, 0 damages left behind\n",
    )
    assert rows_of(database) == before


def test_an_open_database_is_refused(run: Run, database: Path) -> None:
    with pykv.open(database):
        result = run("repair", database)
    assert result.exit_code == Exit.FAILED
    assert "Stop the process" in result.stderr


def test_what_is_no_database_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("repair", tmp_path).exit_code == Exit.FAILED
    assert run("repair", tmp_path / "none").exit_code == Exit.FAILED


def test_lost_records_are_told_where_they_are_known() -> None:
    assert _verdict(Report(kept_record_count=1_000, damage_count=2, lost_record_count=3)) == (
        "repaired: 1,000 records kept, 2 damages left behind, 3 lost"
    )
