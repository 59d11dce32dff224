"""What frames of a slow receiver ask for, on average."""

import pytest

from labs.chaos.faults.pausing import WINDOW, Asked

EVERY = 0.02


def asked(count: int, pause: float) -> Asked:
    """So many frames from 100 s on, each of which asks for a pause."""
    found = Asked()
    for number in range(count):
        found = found.heard(pause, 100 + number * EVERY)
    return found


@pytest.mark.parametrize(("pause", "share"), [(0.01, 0.5), (0.002, 0.1), (0.0, 0.0), (0.05, 1.0)])
def test_the_share_is_of_the_time_from_frame_to_frame(pause: float, share: float) -> None:
    """And never more than all: a frame overrides the one before it."""
    assert asked(50, pause).share(101) == pytest.approx(share)


def test_pauses_run_out() -> None:
    """Half a window after the last one half of it counts, and later none; what no longer counts is not kept."""
    found = asked(50, EVERY)

    assert found.share(101 + WINDOW / 2) == pytest.approx(0.5)
    assert found.share(101 + WINDOW) == pytest.approx(0.0)
    assert len(found.heard(EVERY, 102).pauses) == 1
    assert Asked().share(100) == 0.0


def test_what_was_long_ago_changes_nothing() -> None:
    """A NIC that was silent for a while, and pauses again as before, has the same share as before."""
    found = asked(50, 0.01)
    for number in range(50):
        found = found.heard(0.01, 103 + number * EVERY)

    assert found.share(104) == pytest.approx(0.5)


def test_a_frame_that_says_nothing_lets_all_go_on() -> None:
    """At once, whatever the one before it asked for."""
    assert Asked().heard(60, 100).heard(0, 100.05).share(100.1) == pytest.approx(0.05 / WINDOW)
