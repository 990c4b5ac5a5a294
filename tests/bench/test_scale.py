"""The command of `make bench-scale`."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from benches.scale import Plan, main, measure
from benches.scale_report import Part, gates


def test_a_small_run_measures_prints_judges_and_keeps_the_results(tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    arguments = ["--engines", "raw,pykv-lsm", "--keys", "5000", "--json", str(path)]
    done = CliRunner().invoke(main, [*arguments, "--directory", str(tmp_path / "stores")])
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert done.exit_code == (0 if all(gate["met"] for gate in kept["gates"]) else 1)
    assert "Gates" in done.output
    for part in ("growth", "tight"):
        report = kept["reports"][part]["pykv-lsm"]
        assert report["key_count"] == 5000
        assert len(report["bin_rates"]) == 10
        assert 0 < report["puts"]["p50"] <= report["puts"]["p999"] <= report["puts"]["max"]
        assert report["gets"]["count"] > 4000
        assert report["overwrites"]["count"] == report["gets"]["count"]
    if kept["limit_missing"]:
        assert "page cache is not limited" in done.output
        assert kept["tight_budget_bytes"] == 16 << 20
    else:
        assert "have 192 MiB, and keys and values are 0.0 times that" in done.output
        assert kept["tight_budget_bytes"] == 96 << 20
    assert len(kept["gates"]) == 6
    assert not list((tmp_path / "stores").iterdir())


def test_the_limit_is_a_quarter_of_the_data_and_the_budget_half_of_it(tmp_path: Path) -> None:
    plan = Plan(("raw",), 20_000_000, 1, 256 << 20, 60.0, tmp_path)
    assert plan.limit_bytes == 580_000_000
    assert plan.tight_budget_bytes(limited=True) == 290_000_000
    assert plan.tight_budget_bytes(limited=False) == 580_000_000


def test_of_an_engine_that_fails_the_reason_is_kept_and_its_gates_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", shutil.which("false"))
    outcome = measure(Plan(("pykv-lsm",), 5000, 1, 16 << 20, 60.0, tmp_path))
    for part in Part:
        assert outcome.reports[part]["pykv-lsm"].notes == ["failed with 1: nothing said"]
    assert [gate.met for gate in gates(outcome)] == [False] * 6


def test_an_unknown_engine_is_a_usage_error_that_names_the_known() -> None:
    done = CliRunner().invoke(main, ["--engines", "pykv"])
    assert done.exit_code == 2
    assert "pykv-lsm" in done.output


def test_rates_are_by_million_keys_or_by_tenths_of_fewer(tmp_path: Path) -> None:
    def bin_keys(keys: int) -> int:
        return Plan(("raw",), keys, 1, 16 << 20, 60.0, tmp_path).bin_keys

    assert bin_keys(20_000_000) == 1_000_000
    assert bin_keys(200_000) == 20_000
    assert bin_keys(5) == 1
