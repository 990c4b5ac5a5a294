"""Ratios, verdicts and comparisons."""

from collections.abc import Callable

import pytest

from benches import summary
from benches.goals import Goal, Kind
from benches.ratios import Estimate
from benches.results import Results

Make = Callable[..., Results]


def line_of(results: Results, row: str) -> summary.Line:
    return next(line for line in summary.lines(results) if line.row.name == row)


def test_the_ratio_is_taken_to_the_best_peer(make_results: Make) -> None:
    results = make_results(
        {"put": {"lmdb": [4.0, 8.0], "plyvel": [9.0, 9.0], "dict": [0.1, 0.1], "pykv": [1.0, 2.0]}}
    )
    line = line_of(results, "put")
    assert line.against == "lmdb"
    assert line.figure == Estimate(4.0, 4.0, 4.0)
    assert line.verdict == summary.MET


def test_a_peer_on_fewer_keys_is_never_the_best(make_results: Make) -> None:
    results = make_results({"put": {"sqlite3": [0.1], "lmdb": [2.0], "pykv": [1.0]}})
    line = line_of(results, "put")
    assert line.against == "lmdb"
    assert line.verdict == summary.MISSED


def test_the_synced_row_stands_against_the_fastest_raw_way(make_results: Make) -> None:
    results = make_results(
        {
            "put_synced": {
                "raw growing": [90.0],
                "raw recycled": [50.0],
                "lmdb": [10.0],
                "pykv": [54.0],
            }
        }
    )
    line = line_of(results, "put_synced")
    assert line.against == "raw recycled"
    assert line.figure is not None
    assert line.figure.value == pytest.approx(1.08)
    assert line.verdict == summary.MET


def test_without_a_raw_way_the_synced_row_is_not_judged(make_results: Make) -> None:
    line = line_of(make_results({"put_synced": {"pykv": [54.0]}}), "put_synced")
    assert line.verdict == summary.NOT_JUDGED


def test_values_are_judged_by_themselves(make_results: Make) -> None:
    results = make_results({"reopen": {"lmdb": [0.3], "pykv": [4.0]}, "ram": {"pykv": [12.5]}})
    assert line_of(results, "reopen").verdict == summary.MET
    assert line_of(results, "reopen").against is None
    assert line_of(results, "ram").verdict == summary.MISSED


def test_memory_a_key_is_not_judged_on_few_keys(make_results: Make) -> None:
    results = make_results({"ram": {"pykv": [40.0]}}, keys=100_000)
    assert line_of(results, "ram").verdict == summary.NOT_JUDGED


def test_a_feature_stands_beside_pykv_without_it(make_results: Make) -> None:
    samples = {"put_ttl": {"pykv": [1.1, 1.2], "without it": [1.0, 1.0]}, "put": {"pykv": [1.0]}}
    results = make_results(samples)
    line = line_of(results, "put_ttl")
    assert line.against == "without it"
    assert line.figure is not None
    assert line.figure.value == pytest.approx(1.15)
    assert line.verdict == summary.MET
    assert summary.beside(line) == "1.00"
    beside_peers, features = summary.of_features(summary.lines(results))
    assert [each.row.name for each in beside_peers] == ["put"]
    assert features == [line]


def test_a_feature_without_a_goal_is_compared_and_not_judged(make_results: Make) -> None:
    results = make_results({"get_at": {"pykv": [2.0], "without it": [1.0]}})
    results.pykv_engine = "memory"
    line = line_of(results, "get_at")
    assert line.figure == Estimate(2.0, 2.0, 2.0)
    assert line.verdict == ""


def test_a_feature_that_costs_more_is_worse(make_results: Make) -> None:
    before = make_results({"get_at": {"pykv": [1.0], "without it": [1.0]}})
    after = make_results({"get_at": {"pykv": [1.3], "without it": [1.0]}})
    assert summary.changes(before, after)[0].worse
    assert not summary.changes(after, before)[0].worse


def test_without_pykv_there_are_medians_only(make_results: Make) -> None:
    line = line_of(make_results({"put": {"lmdb": [2.0, 4.0, 3.0]}}), "put")
    assert line.medians == {"lmdb": 3.0}
    assert line.figure is None
    assert line.verdict == ""


def test_a_row_without_a_goal_has_a_ratio_and_no_verdict(make_results: Make) -> None:
    results = make_results({"disk": {"lmdb": [200.0], "pykv": [100.0]}})
    line = line_of(results, "disk")
    assert line.figure == Estimate(2.0, 2.0, 2.0)
    assert line.verdict == ""


@pytest.mark.parametrize(
    ("goal", "figure", "verdict"),
    [
        (Goal(Kind.PEER, 4.0), Estimate(4.0, 3.0, 5.0), summary.MET),
        (Goal(Kind.PEER, 4.0), Estimate(3.9, 3.0, 5.0), summary.MISSED),
        (Goal(Kind.PEER, 1.2), Estimate(1.1, 1.0, 1.3), summary.NOISE),
        (Goal(Kind.PEER, 1.2), Estimate(1.1, 1.0, 1.15), summary.MISSED),
        (Goal(Kind.FLOOR, 1.1), Estimate(1.05, 1.0, 1.3), summary.MET),
        (Goal(Kind.FLOOR, 1.1), Estimate(1.2, 1.05, 1.3), summary.NOISE),
        (Goal(Kind.FLOOR, 1.1), Estimate(1.2, 1.15, 1.3), summary.MISSED),
        (Goal(Kind.VALUE, 5.0), Estimate(5.1, 4.0, 6.0), summary.MISSED),
        (Goal(Kind.COST, 1.1), Estimate(1.2, 1.05, 1.3), summary.NOISE),
        (Goal(Kind.COST, 1.1), Estimate(1.2, 1.15, 1.3), summary.MISSED),
    ],
)
def test_only_close_goals_have_room_for_noise(goal: Goal, figure: Estimate, verdict: str) -> None:
    assert summary.judge(goal, figure) == verdict


def test_a_row_is_worse_only_when_the_intervals_are_apart(make_results: Make) -> None:
    before = make_results({"put": {"lmdb": [4.0, 4.0], "pykv": [1.0, 1.0]}})
    slower = make_results({"put": {"lmdb": [4.0, 4.0], "pykv": [1.3, 1.3]}})
    noisy = make_results({"put": {"lmdb": [4.0, 4.0], "pykv": [1.0, 1.6]}})
    (change,) = summary.changes(before, slower)
    assert change.worse
    assert change.factor == pytest.approx(1 / 1.3)
    assert not summary.changes(before, noisy)[0].worse


def test_a_value_that_grows_is_worse(make_results: Make) -> None:
    before, after = make_results({"ram": {"pykv": [9.0]}}), make_results({"ram": {"pykv": [11.0]}})
    (change,) = summary.changes(before, after)
    assert change.worse
    assert not summary.changes(after, before)[0].worse


def test_rows_of_one_run_only_are_not_compared(make_results: Make) -> None:
    before = make_results({"put": {"lmdb": [4.0], "pykv": [1.0]}})
    after = make_results({"get": {"lmdb": [4.0], "pykv": [1.0]}})
    assert summary.changes(before, after) == []


@pytest.mark.parametrize(
    ("value", "text"), [(1234.5, "1234"), (43.21, "43.2"), (2.754, "2.75"), (0.1344, "0.134")]
)
def test_numbers_are_told_in_three_digits(value: float, text: str) -> None:
    assert summary.number(value) == text


def test_a_ratio_is_told_with_its_interval(make_results: Make) -> None:
    results = make_results({"put": {"lmdb": [4.0], "pykv": [1.0]}, "reopen": {"pykv": [2.0]}})
    assert summary.figure_text(line_of(results, "put")) == "4.00x [4.00-4.00]"
    assert summary.figure_text(line_of(results, "reopen")) == "2.00 [2.00-2.00]"
