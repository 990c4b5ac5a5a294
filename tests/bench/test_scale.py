"""The command of `make bench-scale`."""

import json
from pathlib import Path

from click.testing import CliRunner

from benches.scale import Plan, main


def test_a_small_run_measures_prints_judges_and_keeps_the_results(tmp_path: Path) -> None:
    path = tmp_path / "scale.json"
    arguments = ["--engines", "raw,pykv-lsm", "--keys", "5000", "--json", str(path)]
    done = CliRunner().invoke(main, [*arguments, "--directory", str(tmp_path / "stores")])
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert done.exit_code == (0 if all(gate["met"] for gate in kept["gates"]) else 1)
    assert "Gates" in done.output
    assert "page cache is not limited" in done.output
    report = kept["reports"]["pykv-lsm"]
    assert report["key_count"] == 5000
    assert len(report["bin_rates"]) == 10
    assert 0 < report["puts"]["p50"] <= report["puts"]["p999"] <= report["puts"]["max"]
    assert report["gets"]["count"] > 4000
    assert report["tight_budget_bytes"] == 16 << 20
    assert len(kept["gates"]) == 3
    assert not list((tmp_path / "stores").iterdir())


def test_an_unknown_engine_is_a_usage_error_that_names_the_known() -> None:
    done = CliRunner().invoke(main, ["--engines", "pykv"])
    assert done.exit_code == 2
    assert "pykv-lsm" in done.output


def test_rates_are_by_million_keys_or_by_tenths_of_fewer(tmp_path: Path) -> None:
    def bin_keys(keys: int) -> int:
        return Plan(("raw",), keys, 1, 16 << 20, 60.0, tmp_path, "").bin_keys

    assert bin_keys(20_000_000) == 1_000_000
    assert bin_keys(200_000) == 20_000
    assert bin_keys(5) == 1
