"""What frames of a slow receiver ask for, on average."""

import pytest

from labs.chaos.faults.pausing import SOON, Asked


def asked(count: int, pause: float, every: float) -> Asked:
    """So many frames, each of which asks for a pause."""
    found = Asked()
    for number in range(count):
        found = found.heard(pause, 100 + number * every)
    return found


def test_nobody_knows_at_once() -> None:
    """A frame or two say nothing about a share of time."""
    assert asked(SOON - 1, 0.01, 0.02).share is None
    assert asked(SOON, 0.01, 0.02).share is not None
    assert asked(SOON, 0.01, 0.0).share is None


@pytest.mark.parametrize(("pause", "share"), [(0.01, 0.5), (0.002, 0.1), (0.0, 0.0), (0.05, 1.0)])
def test_the_share_is_of_the_time_from_frame_to_frame(pause: float, share: float) -> None:
    """And never more than all."""
    assert asked(20, pause, 0.02).share == pytest.approx(share)
