"""`pykv verify` reads every byte and says what is damaged."""

import json
from pathlib import Path

import pykv
from pykv.cli.failures import Exit
from tests.cli.conftest import Run


def test_a_good_database_is_exit_code_0(run: Run, database: Path) -> None:
    result = run("verify", database)
    assert result.exit_code == Exit.GOOD
    assert result.stdout.startswith("good: 3 records in ")


def test_damage_is_listed_and_exit_code_3(run: Run, damaged: Path) -> None:
    result = run("verify", damaged)
    assert result.exit_code == Exit.CORRUPTION
    first, last = result.stdout.splitlines()
    assert ".log at byte " in first
    assert last.startswith("damaged: 1 damage.")
    assert f"pykv repair {damaged}" in last


def test_a_program_reads_the_report(run: Run, database: Path, damaged: Path) -> None:
    good = json.loads(run("verify", database, "--json").stdout)
    assert (good["ok"], good["record_count"], good["damages"]) == (True, 3, [])
    result = run("verify", damaged, "--json")
    assert result.exit_code == Exit.CORRUPTION
    bad = json.loads(result.stdout)
    assert (bad["ok"], bad["damage_count"]) == (False, 1)
    assert bad["damages"][0]["path"].endswith(".log")


def test_a_database_too_damaged_to_open_is_exit_code_3(run: Run, database: Path) -> None:
    manifest = database / "MANIFEST"
    data = manifest.read_bytes()
    manifest.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    result = run("verify", database)
    assert result.exit_code == Exit.CORRUPTION
    assert "MANIFEST" in result.stdout
    assert json.loads(run("verify", database, "--json").stdout)["damage_count"] == 1


def test_it_checks_beside_a_writer(run: Run, database: Path) -> None:
    with pykv.open(database) as db:
        db[b"more"] = b"written just now"
        assert run("verify", database).exit_code == Exit.GOOD


def test_a_missing_database_is_no_good_one(run: Run, tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none").exit_code == Exit.FAILED
