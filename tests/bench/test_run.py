"""The command of `make bench`."""

from pathlib import Path

from click.testing import CliRunner

from benches.results import Results
from benches.run import main

SMALL = ["--engines", "sqlite3,dict", "--rows", "put,get", "--keys", "1000", "--rounds", "1"]


def test_it_prints_the_table_and_keeps_the_results(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    arguments = [*SMALL, "--directory", str(tmp_path / "stores"), "--json", str(path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "put, one by one" in done.output
    assert "Durability" in done.output
    assert set(Results.load(path).samples) == {"put", "get"}


def test_quick_keeps_no_file_unless_asked_to(tmp_path: Path) -> None:
    arguments = [*SMALL, "--quick", "--directory", str(tmp_path / "stores")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "Kept in" not in done.output


def test_a_saved_run_can_be_compared_with(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    arguments = [*SMALL, "--directory", str(tmp_path / "stores")]
    CliRunner().invoke(main, [*arguments, "--json", str(path)])
    done = CliRunner().invoke(main, [*arguments, "--quick", "--compare", str(path)])
    assert done.exit_code == 0, done.output
    assert "Against the saved run" in done.output


def test_an_unknown_engine_or_row_is_a_usage_error_that_names_the_known() -> None:
    for option, wrong, known in (("--engines", "lmbd", "lmdb"), ("--rows", "gett", "get_many")):
        done = CliRunner().invoke(main, [option, wrong])
        assert done.exit_code == 2
        assert f"{wrong} is not one of" in done.output
        assert known in done.output


def test_a_file_that_holds_no_results_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")
    done = CliRunner().invoke(main, ["--compare", str(path)])
    assert done.exit_code == 1
    assert "not results" in done.output


def test_the_help_shows_an_example() -> None:
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert "Example: python -m benches.run" in done.output
