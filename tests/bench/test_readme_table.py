"""The README's table is made from committed results, and a stale one is found."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from benches.machine import REPOSITORY
from benches.readme_table import MarkersMissingError, main, replaced, table
from benches.results import Results
from benches.scale_child import Latencies, Report
from benches.scale_report import Outcome, Part, save

Make = Callable[..., Results]
BEGIN, END = "<!-- bench: begin kept.json -->", "<!-- bench: end -->"


@pytest.fixture
def readme(make_results: Make, tmp_path: Path) -> Path:
    make_results({"put": {"lmdb": [4.5], "pykv": [1.0]}}).save(tmp_path / "kept.json")
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    return path


def test_the_table_stands_between_the_markers(readme: Path) -> None:
    done = CliRunner().invoke(main, ["--readme", str(readme)])
    assert done.exit_code == 0, done.output
    text = readme.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| work | lmdb |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| 4.50x [4.50-4.50] | lmdb | 4x | met |" in text


def test_each_pair_of_markers_gets_the_table_of_its_file(make_results: Make, readme: Path) -> None:
    make_results({"get": {"lmdb": [3.0], "pykv": [1.0]}}).save(readme.parent / "other.json")
    readme.write_text(readme.read_text() + f"{BEGIN.replace('kept', 'other')}\n{END}\n")
    assert CliRunner().invoke(main, ["--readme", str(readme)]).exit_code == 0
    before, between, after = readme.read_text().split(END)
    assert ("4.50x" in before, "3.00x" in before) == (True, False)
    assert ("4.50x" in between, "3.00x" in between) == (False, True)
    assert after == "\n"


def test_a_run_of_scale_gets_a_table_of_its_own(tmp_path: Path) -> None:
    growth = Report(
        "pykv-lsm",
        bin_rates=[1_500_000.0, 1_000_000.0],
        puts=Latencies(3, 1.0, 2.0, 3.0, 8_010.0),
        gets=Latencies(3, 8.25, 9.0, 46.04, 47.0),
        write_amplification=3.114,
        space_amplification_closed=0.64,
        key_count=3,
    )
    machine = dict.fromkeys(("cpu", "cores", "memory", "system", "file system", "python"), "m")
    made = Outcome("2026-01-31T00:00:00+00:00", 3, 1, 1, 256 << 20, machine)
    made.reports[Part.GROWTH] = {"raw": Report("raw"), "pykv-lsm": growth}
    made.reports[Part.TIGHT] = {"rocksdict": Report("rocksdict")}
    save(made, tmp_path / "kept.json")
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n")
    assert CliRunner().invoke(main, ["--readme", str(path)]).exit_code == 0
    text = path.read_text()
    assert "|  | raw | pykv-lsm | rocksdict, tight |" in text
    assert "| puts a second, thousands | - | 1,200 | - |" in text
    assert "| rate of the last tenth over that of the first | 0.00 | 0.67 | 0.00 |" in text
    assert "| longest put, ms | 0.000 | 8.01 | 0.000 |" in text
    assert "us | - | 8.25 / 46.0 | - |" in text
    assert "- Measured 2026-01-31." in text


def test_check_fails_on_a_stale_table_and_changes_nothing(readme: Path) -> None:
    before = readme.read_text()
    done = CliRunner().invoke(main, ["--check", "--readme", str(readme)])
    assert done.exit_code == 1
    assert "stale" in done.output
    assert readme.read_text() == before


def test_check_passes_on_a_fresh_table(readme: Path) -> None:
    CliRunner().invoke(main, ["--readme", str(readme)])
    assert CliRunner().invoke(main, ["--check", "--readme", str(readme)]).exit_code == 0


def test_a_text_without_markers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarkersMissingError):
        replaced("no markers here", tmp_path)


def test_processor_times_are_not_published(make_results: Make, readme: Path) -> None:
    results = make_results({"put": {"lmdb": [4.5], "pykv": [1.0]}})
    results.clock = "cpu"
    results.save(readme.parent / "kept.json")
    done = CliRunner().invoke(main, ["--readme", str(readme)])
    assert done.exit_code == 1
    assert "processor time" in done.output


def test_a_missing_file_of_results_is_named(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"{BEGIN}\n{END}\n")
    done = CliRunner().invoke(main, ["--readme", str(path)])
    assert done.exit_code == 1
    assert "kept.json" in done.output


def test_every_line_of_the_table_has_the_same_cells(make_results: Make) -> None:
    text = table(make_results({"put": {"lmdb": [4.5]}, "get": {"pykv": [1.0], "dict": [0.2]}}))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert len({row.count("|") for row in rows}) == 1


def test_features_have_a_table_of_their_own(make_results: Make) -> None:
    samples = {
        "put": {"lmdb": [4.5], "pykv": [1.0]},
        "put_ttl": {"pykv": [1.1], "without it": [1.0]},
        "changes": {"pykv": [0.4]},
    }
    _peers, features, _conditions = table(make_results(samples)).split("\n\n")
    rows = features.splitlines()
    assert rows[0] == "| what else it does | pykv | beside | ratio | against | must reach |  |"
    assert rows[2] == (
        "| put, each with a ttl, us | 1.10 | 1.00 | 1.10x [1.10-1.10] | without it | "
        "at most 1.15x | met |"
    )
    assert "| 0.400 | - | 0.40 [0.40-0.40] |  | at most 1 us | met |" in rows[3]
    assert len({row.count("|") for row in rows}) == 1


def test_the_readme_of_the_repository_is_fresh_if_it_has_a_table() -> None:
    readme = REPOSITORY / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if "<!-- bench: begin" in text:
        assert replaced(text, REPOSITORY) == text
