"""`pykv compact` gives space back."""

import json
from pathlib import Path

import pytest

import pykv
from pykv.cli import compact
from pykv.cli.failures import Exit
from tests.cli.conftest import Run, rows_of


@pytest.fixture
def with_dead_rows(tmp_path: Path) -> Path:
    path = tmp_path / "database"
    with pykv.open(path, engine="bitcask", background_threads=0) as db:
        for _ in range(10):
            db.put_many((b"%d" % number, b"x" * 1_000) for number in range(100))
    return path


def test_dead_rows_give_their_space_back(run: Run, with_dead_rows: Path) -> None:
    before = rows_of(with_dead_rows)
    result = run("compact", with_dead_rows, "--json")
    assert result.exit_code == Exit.GOOD
    told = json.loads(result.stdout)
    assert told["disk_bytes_before"] > 5 * told["disk_bytes_after"]
    assert rows_of(with_dead_rows) == before


def test_people_read_sizes(run: Run, database: Path) -> None:
    assert run("compact", database).stdout.startswith("compacted: ")


def test_a_range_is_for_engines_with_order(run: Run, database: Path, ordered: Path) -> None:
    assert run("compact", ordered, "--start", "a", "--stop", "p").exit_code == Exit.GOOD
    assert run("compact", database, "--start", "a").exit_code == Exit.USAGE
    assert run("compact", ordered, "--start", "\\xq").exit_code == Exit.USAGE


def test_a_store_that_does_not_count_its_bytes_is_compacted_too(
    run: Run, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = pykv.open(engine="memory")
    monkeypatch.setattr(compact, "open_writer", lambda *_args, **_options: store)
    assert run("compact", database).stdout == "compacted\n"


def test_a_missing_database_fails_and_is_not_made(run: Run, tmp_path: Path) -> None:
    assert run("compact", tmp_path / "none").exit_code == Exit.FAILED
    assert not (tmp_path / "none").exists()
