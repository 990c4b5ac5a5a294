"""Medians and their intervals."""

import random

import pytest

from benches.ratios import estimate, lowest, paired_ratio


def test_the_figure_is_the_median_and_lies_in_its_interval() -> None:
    found = estimate([5.0, 1.0, 3.0, 2.0, 4.0])
    assert found.value == 3.0
    assert 1.0 <= found.low <= 3.0 <= found.high <= 5.0


def test_equal_samples_leave_no_doubt() -> None:
    found = estimate([2.0] * 5)
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_the_same_samples_give_the_same_interval() -> None:
    samples = [1.0, 1.4, 0.9, 1.1, 1.2, 5.0]
    assert estimate(samples) == estimate(samples)


def test_no_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="no samples"):
        estimate([])


def test_the_interval_holds_the_true_median_about_as_often_as_it_says() -> None:
    chance = random.Random(3)
    held = 0
    for _ in range(60):
        found = estimate([chance.gauss(10.0, 1.0) for _ in range(15)])
        held += found.low <= 10.0 <= found.high
    assert held >= 50


def test_ratios_are_taken_within_a_round() -> None:
    """Rounds that were slow for both leave the ratio alone: the noise of the machine cancels."""
    found = paired_ratio([2.0, 20.0, 200.0], [1.0, 10.0, 100.0])
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_rounds_that_only_one_side_has_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_ratio([1.0, 2.0], [1.0])


def test_the_lowest_median_wins() -> None:
    assert lowest({"a": [1.0, 9.0, 9.0], "b": [5.0, 5.0, 5.0], "c": []}) == "b"
    assert lowest({"c": []}) is None
