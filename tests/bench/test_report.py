"""What is printed names everything the figures depend on."""

from collections.abc import Callable
from io import StringIO

from rich.console import Console

from benches import summary
from benches.report import conditions, print_changes, print_results
from benches.results import Results

Make = Callable[..., Results]


def printed(results: Results) -> str:
    output = StringIO()
    print_results(Console(file=output, width=200), results)
    return output.getvalue()


def test_the_conditions_name_durability_cache_budget_and_machine(make_results: Make) -> None:
    text = "\n".join(conditions(make_results({})))
    for word in ("Durability", "page cache", "256 MiB", "ext4", "CPython", "sqlite3 on 50,000"):
        assert word in text


def test_another_clock_is_named(make_results: Make) -> None:
    results = make_results({})
    assert "processor time" not in "\n".join(conditions(results))
    results.clock = "cpu"
    assert "processor time" in "\n".join(conditions(results))


def test_the_table_has_medians_ratio_goal_and_verdict(make_results: Make) -> None:
    results = make_results({"put": {"lmdb": [4.5], "pykv": [1.0]}})
    text = printed(results)
    (row,) = (line for line in text.splitlines() if "put, one by one" in line)
    for cell in ("4.50", "1.00", "4.50x [4.50-4.50]", "lmdb", "4x", "met", "os"):
        assert cell in row


def test_features_are_printed_beside_pykv_without_them(make_results: Make) -> None:
    text = printed(make_results({"get_at": {"pykv": [1.5], "without it": [1.2]}}))
    (row,) = (line for line in text.splitlines() if "get at a snapshot" in line)
    for cell in ("1.50", "1.20", "1.25x [1.25-1.25]", "without it", "at most 1.1x", "missed"):
        assert cell in row
    assert "Less is better" not in text


def test_an_engine_without_the_row_shows_a_dash(make_results: Make) -> None:
    text = printed(make_results({"get_many": {"lmdb": [1.0], "pykv": [0.1]}}))
    (row,) = (line for line in text.splitlines() if "get 100 keys" in line)
    assert " - " in row


def test_floors_settings_and_notes_are_printed(make_results: Make) -> None:
    results = make_results(
        {"put_synced": {"raw growing": [100.0]}, "device": {"raw growing": [8.13]}}
    )
    results.append_floor_us = {"pwrite": 0.55}
    results.memory_floor_ns = {"load, 10 MB, chained": 50.0}
    results.versions, results.settings = {"lmdb": "3"}, {"lmdb": "no compression"}
    results.notes.append("the machine was busy")
    text = printed(results)
    for part in (
        "100.0 us, 10,000/s, 8.1 KiB",
        "pwrite: 0.550 us",
        "chained: 50.0 ns",
        "lmdb 3: no compression",
        "Note: the machine was busy",
    ):
        assert part in text


def test_changes_say_which_rows_became_worse(make_results: Make) -> None:
    before = make_results({"put": {"lmdb": [4.0], "pykv": [1.0]}})
    after = make_results({"put": {"lmdb": [4.0], "pykv": [2.0]}})
    output = StringIO()
    print_changes(Console(file=output, width=120), summary.changes(before, after))
    assert "0.50x" in output.getvalue()
    assert "worse" in output.getvalue()
