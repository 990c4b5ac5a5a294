"""One engine in one process: every row that applies, and no wrong results."""

from pathlib import Path

import pytest

from benches import child
from benches.child import Specification, WrongResultError, run
from benches.goals import ARRAY_ROWS, FEATURE_ROWS, ROW_BY_NAME, Section
from benches.rivals_btree import SqliteStore
from benches.stores import DictStore

ALL_SECTIONS = tuple(section.value for section in Section)


def specification(directory: Path, engine: str = "dict", **changes: object) -> Specification:
    fields: dict[str, object] = {
        "engine": engine,
        "pykv_engine": "bitcask",
        "sections": ALL_SECTIONS,
        "rows": tuple(ROW_BY_NAME),
        "key_count": 1_000,
        "seed": 1,
        "budget_bytes": 8 << 20,
        "directory": str(directory),
    }
    return Specification(**(fields | changes))  # type: ignore[arg-type]  # a dict of mixed types


def test_a_specification_survives_the_command_line(tmp_path: Path) -> None:
    made = specification(tmp_path)
    assert Specification.from_json(made.to_json()) == made


def test_every_row_that_applies_is_measured(tmp_path: Path) -> None:
    report = run(specification(tmp_path))
    assert set(report["samples"]) == set(ROW_BY_NAME) - DictStore.lacks
    assert all(figure > 0 for figure in report["samples"].values())
    assert report["version"] == "builtin"


def test_a_real_store_is_measured_in_every_row_but_memory(tmp_path: Path) -> None:
    report = run(specification(tmp_path, "sqlite3"))
    assert set(report["samples"]) >= set(ROW_BY_NAME) - FEATURE_ROWS - {"ram", "device"}


def test_only_the_rows_asked_for_are_reported(tmp_path: Path) -> None:
    report = run(specification(tmp_path, rows=("get", "delete")))
    assert set(report["samples"]) == {"get", "delete"}


def test_only_the_sections_asked_for_are_run(tmp_path: Path) -> None:
    report = run(specification(tmp_path, sections=("batch",)))
    assert set(report["samples"]) == {"put_batch", "put_arrays"}


def test_what_a_store_without_array_calls_does_best_stands_for_them(tmp_path: Path) -> None:
    samples = run(specification(tmp_path, "sqlite3"))["samples"]
    for row, stands_for_it in ARRAY_ROWS.items():
        assert samples[row] == samples[stands_for_it]
    only = run(specification(tmp_path, "dict", rows=("get_arrays",)))["samples"]
    assert set(only) == {"get_arrays"}


def test_array_calls_are_measured_by_themselves(tmp_path: Path) -> None:
    samples = run(specification(tmp_path, "pykv"))["samples"]
    for row, other in ARRAY_ROWS.items():
        assert samples[row] > 0
        assert samples[row] != samples[other]


@pytest.mark.parametrize("lost", ["put", "overwrite", "delete", "mixed", "put_batch"])
def test_a_store_that_forgets_is_not_measured(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that does nothing would be the fastest of all."""

    def nothing(*_arguments: object) -> None: ...

    monkeypatch.setattr(DictStore, lost, nothing)
    with pytest.raises(WrongResultError, match="dict"):
        run(specification(tmp_path))


def test_the_processor_clock_leaves_waiting_out_but_for_rows_that_wait(tmp_path: Path) -> None:
    from time import sleep

    session = child.Session(specification(tmp_path, "sqlite3", clock="cpu"), DictStore(0))
    session.time("put", 1, sleep, 0.05)
    session.store = SqliteStore(1 << 20)
    session.time("reopen", 1, sleep, 0.05)
    assert session.samples["put"] < 40_000
    assert session.samples["reopen"] >= 50


def test_the_collector_rests_only_while_time_is_taken(tmp_path: Path) -> None:
    import gc

    made = specification(tmp_path)
    session = child.Session(made, DictStore(0))
    enabled: list[bool] = []
    session.time("put", 1, lambda: enabled.append(gc.isenabled()))
    assert enabled == [False]
    assert gc.isenabled()
