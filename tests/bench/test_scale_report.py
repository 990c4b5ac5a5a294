"""The gates of `make bench-scale`, on reports made by hand."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benches.results import ResultsError
from benches.scale_child import Latencies, Report
from benches.scale_report import (
    Outcome,
    Part,
    conditions,
    gates,
    load,
    print_outcome,
    rate_kept,
    save,
)

MACHINE = {
    "cpu": "a processor",
    "cores": "2",
    "memory": "24 GiB",
    "system": "Linux 6.1",
    "file system": "ext4",
    "python": "CPython 3.11.7",
}


KEYS = 3_000_000


def report(engine: str, *, last: float = 90.0, longest_ms: float = 50.0, wa: float = 3.0) -> Report:
    return Report(
        engine,
        bin_rates=[100.0, 95.0, last],
        puts=Latencies(3, 1.0, 2.0, 3.0, longest_ms * 1e3),
        gets=Latencies(3, 1.0, 2.0, wa * 10, 40.0),
        write_amplification=wa,
        key_count=KEYS,
    )


def outcome(*reports: Report) -> Outcome:
    made = Outcome("2026-01-31", KEYS, 1_000_000, 1, 256 << 20, MACHINE)
    made.reports[Part.GROWTH] = {each.engine: each for each in reports}
    made.limit_missing = "no control groups of memory are mounted"
    return made


def test_all_gates_are_met_where_nothing_is_worse() -> None:
    judged = gates(outcome(report("pykv-lsm"), report("rocksdict", wa=3.5)))
    assert [gate.met for gate in judged] == [True] * 6


def test_a_rate_that_halves_and_a_long_pause_miss_their_gates() -> None:
    judged = gates(outcome(report("pykv-bitcask", last=49.0, longest_ms=100.5)))
    assert [gate.met for gate in judged] == [False, False, True]
    assert judged[0].reached == "0.49"
    assert judged[1].reached == "100.5 ms"


def test_amplification_and_gets_are_held_against_rocksdict() -> None:
    judged = gates(outcome(report("pykv-lsm", wa=3.6), report("rocksdict", wa=3.5)))
    assert [gate.met for gate in judged] == [True] * 4 + [False, False]
    assert gates(outcome(report("rocksdict"))) == []


def test_an_engine_that_ran_out_of_time_misses_its_gate() -> None:
    late = report("pykv-lsm")
    late.key_count -= 1
    judged = gates(outcome(late))
    assert [gate.met for gate in judged] == [True, True, False]
    assert judged[2].reached == "2,999,999"


def test_both_parts_are_held_to_the_same_gates() -> None:
    made = outcome(report("pykv-lsm"), report("rocksdict"))
    made.reports[Part.TIGHT] = {"pykv-lsm": report("pykv-lsm", longest_ms=101.0)}
    judged = gates(made)
    assert [gate.title.split(":")[0] for gate in judged] == ["growth"] * 6 + ["tight"] * 3
    assert [gate.met for gate in judged[6:]] == [True, False, True]


def test_an_engine_that_failed_meets_nothing() -> None:
    judged = gates(outcome(Report("pykv-lsm"), report("rocksdict")))
    assert [gate.met for gate in judged] == [False, False, False, True, False, False]


def test_the_rate_kept_is_that_of_tenths() -> None:
    made = Report("pykv-lsm")
    made.bin_rates = [100.0, 300.0] + [1.0] * 16 + [30.0, 90.0]
    assert rate_kept(made) == pytest.approx(45.0 / 150.0)
    made.bin_rates = [100.0, 7.0, 40.0]
    assert rate_kept(made) == pytest.approx(0.4)


def test_without_a_rate_nothing_was_kept() -> None:
    assert rate_kept(Report("pykv-lsm")) == 0.0


def test_the_table_and_the_file_say_what_was_measured(tmp_path: Path) -> None:
    made = outcome(report("raw"), report("pykv-lsm"))
    made.reports[Part.GROWTH]["raw"].notes.append("out of time after 7 keys")
    console = Console(width=150, record=True, file=io.StringIO())
    print_outcome(console, made)
    text = console.export_text()
    assert "not limited" in text
    assert "no control groups of memory are mounted" in text
    assert "Note: growth: raw: out of time after 7 keys" in text
    assert "3,000,000" in text
    save(made, tmp_path / "kept" / "scale.json")
    kept = json.loads((tmp_path / "kept" / "scale.json").read_text(encoding="utf-8"))
    assert kept["kind"] == "scale"
    assert [gate["met"] for gate in kept["gates"]] == [True] * 3
    assert load(tmp_path / "kept" / "scale.json") == made


@pytest.mark.parametrize("change", [{"format": 1}, {"kind": "else"}, {"reports": {"else": {}}}])
def test_a_file_that_is_something_else_is_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "scale.json"
    save(outcome(report("pykv-lsm")), path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change))
    with pytest.raises(ResultsError, match=r"scale\.json"):
        load(path)


def test_a_limit_is_told_with_how_much_larger_the_data_is() -> None:
    made = outcome(report("pykv-lsm"))
    made.limit_bytes = KEYS * 29
    assert "have 82 MiB, and keys and values are 4.0 times that" in " ".join(conditions(made))
