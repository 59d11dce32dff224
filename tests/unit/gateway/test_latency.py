"""Quantiles of how long answers take to begin."""

import pytest

from gateway.core.latency import FULL, Latencies


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_a_quantile_is_known_to_five_percent(share: float) -> None:
    """And never told too short."""
    found = Latencies()
    for number in range(1, 1001):
        found.add(number / 1000)

    assert share <= found.quantile(share) <= share * 1.06


def test_what_was_long_ago_weighs_less() -> None:
    """Answers that have become quicker are so soon."""
    found = Latencies()
    for _ in range(int(FULL)):
        found.add(1.0)
    for _ in range(3 * int(FULL)):
        found.add(0.01)

    assert found.quantile(0.8) < 0.011
    assert found.known < FULL


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e-9, 1e9])
def test_what_is_out_of_range_counts_as_the_nearest(seconds: float) -> None:
    """No answer is lost."""
    found = Latencies()
    found.add(seconds)

    assert found.known == 1
    assert found.quantile(1) < float("inf")


def test_of_nothing_there_is_none() -> None:
    """Nobody is late by it."""
    assert Latencies().quantile(0.95) == float("inf")
