"""Rounds: interleaved, one process an engine, samples kept by row and engine."""

from pathlib import Path

import pytest

from benches import measure
from benches.measure import ChildFailedError, Plan, run, turned
from benches.results import Results


def plan(directory: Path, **changes: object) -> Plan:
    fields: dict[str, object] = {
        "engine_names": ("sqlite3", "dict"),
        "rows": ("put", "get", "put_batch"),
        "keys": 1_000,
        "rounds": 2,
        "directory": directory / "stores",
    }
    return Plan(**(fields | changes))  # type: ignore[arg-type]  # a dict of mixed types


def test_the_order_turns_with_the_round() -> None:
    assert turned("abc", 0) == ["a", "b", "c"]
    assert turned("abc", 1) == ["b", "c", "a"]
    assert turned("abc", 5) == ["c", "a", "b"]


def test_every_engine_has_a_sample_a_round_in_every_row(tmp_path: Path) -> None:
    told: list[str] = []
    results = run(plan(tmp_path), told.append)
    assert set(results.samples) == {"put", "get", "put_batch"}
    for row in results.samples.values():
        assert {name: len(samples) for name, samples in row.items()} == {"sqlite3": 2, "dict": 2}
    assert [text.split()[-1] for text in told] == ["sqlite3", "dict", "dict", "sqlite3"]
    assert set(results.versions) == {"sqlite3", "dict"}
    assert results.seconds > 0
    assert list((tmp_path / "stores").iterdir()) == []


def test_a_run_that_may_take_no_time_does_one_round_and_says_so(tmp_path: Path) -> None:
    results = run(plan(tmp_path, engine_names=("dict",), seconds_max=0.01), lambda _text: None)
    assert len(results.samples["put"]["dict"]) == results.rounds == 1
    assert "stopped after 1 of 2 rounds" in results.notes[0]


def test_synced_rounds_have_the_raw_ways_in_their_midst(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "SYNCED_PUTS", 20)
    told: list[str] = []
    results = run(plan(tmp_path, rows=("put_synced",), rounds=1), told.append)
    counts = {name: len(samples) for name, samples in results.samples["put_synced"].items()}
    assert counts == dict.fromkeys(
        ("sqlite3", "raw growing", "raw fallocated", "raw zero-ahead", "raw recycled"),
        measure.SYNCED_ROUNDS_FACTOR,
    )
    assert set(results.append_floor_us) == {"pwrite", "mapped store"}
    assert results.memory_floor_ns


def test_without_a_compiler_the_peers_are_measured_and_a_note_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    monkeypatch.setattr("benches.floors.PRODUCTS", tmp_path / "products")
    results: Results = run(plan(tmp_path, rows=("put_synced",), rounds=1), lambda _text: None)
    assert set(results.samples["put_synced"]) == {"sqlite3"}
    assert "no C compiler" in results.notes[0]


def test_a_failing_engine_is_an_error_with_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benches.engines.key_count", lambda _name, _keys: 0)
    with pytest.raises(ChildFailedError, match="key_count is 0"):
        run(plan(tmp_path, engine_names=("dict",)), lambda _text: None)
