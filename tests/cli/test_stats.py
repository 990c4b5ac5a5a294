"""`pykv stats` shows what a database knows of itself."""

import json
from pathlib import Path

import pykv
from pykv.cli.failures import Exit
from pykv.cli.stats import _level_lines, _value_text
from tests.cli.conftest import Run


def test_json_is_the_stats_of_the_store(run: Run, database: Path) -> None:
    stats = json.loads(run("stats", database, "--json").stdout)
    assert stats["engine"] == "bitcask"
    assert stats["key_count"] == 3
    assert stats["state"] == "read-only"


def test_people_get_a_line_for_each(run: Run, database: Path) -> None:
    result = run("stats", database)
    assert result.exit_code == Exit.GOOD
    shown = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert shown["key_count"] == "3"
    assert shown["engine"] == "bitcask"
    assert shown["clean_open"] == "yes"


def test_numbers_are_grouped_and_bytes_have_a_unit() -> None:
    assert _value_text("key_count", 1_234_567) == "1,234,567"
    assert _value_text("disk_bytes", 1_234_567) == "1,234,567  (1.2 MB)"
    assert _value_text("disk_bytes", 10) == "10"
    assert _value_text("hot_mode", False) == "no"
    assert _value_text("write_amplification", 2.345) == "2.35"


def test_the_levels_of_an_lsm_store_are_a_table(run: Run, tmp_path: Path) -> None:
    with pykv.open(tmp_path / "lsm", engine="lsm") as db:
        db.put_many((b"%d" % i, bytes(100)) for i in range(1_000))
    result = run("stats", tmp_path / "lsm")
    head, row = result.stdout.splitlines()[-2:]
    assert head.split() == ["tables", "size", "score", "read", "written"]
    assert row.split()[:3] == ["level", "0", "1"]
    assert "space_amplification  " in result.stdout
    assert "level_bytes" not in result.stdout


def test_a_store_without_levels_has_no_table(run: Run, database: Path) -> None:
    assert "level 0" not in run("stats", database).stdout
    assert _level_lines({}) == []


def test_a_missing_database_fails(run: Run, tmp_path: Path) -> None:
    assert run("stats", tmp_path / "none").exit_code == Exit.FAILED


def test_prometheus_gets_its_text(run: Run, database: Path) -> None:
    result = run("stats", database, "--prometheus")
    assert result.exit_code == Exit.GOOD
    assert f'pykv_keys{{engine="bitcask",path="{database}"}} 3\n' in result.stdout
