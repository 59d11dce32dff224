"""What interfaces carried, from what kernels count."""

from collections import Counter

import pytest

from labs.chaos.model import Sampled
from labs.chaos.watching.counting import Totals, Turns, look_every, sampled, totals
from topologies.runtime.netlink_decode import Counters, KernelLink, KernelQueue

LINK = KernelLink(3, "eth1", "", 9000, True, True, 4, 0, "veth", Counters(1, 2, 3, 4, 5, 6, 7, 8))


def test_an_interface_and_its_queue_are_one() -> None:
    """Drops of both count; what waits is the queue's."""
    assert totals(LINK, None) == Totals(octets=4, packets=2, dropped=15, errors=11)
    assert totals(LINK, KernelQueue(3, "tbf", True, 100, 20)) == Totals(4, 2, 35, 11, 100)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (Totals(100, 1, 0, 0, 50), Totals(300, 4, 2, 1, 0), (200, 3, 2, 1, 0)),
        (Totals(100, 1, 5, 1), Totals(40, 1, 1, 0, 9), (40, 1, 1, 0, 9)),
        (Totals(100, 1, 9, 0), Totals(200, 2, 3, 0), (100, 1, 3, 0, 0)),
        (Totals(7, 7, 7, 7), Totals(7, 7, 7, 7), (0, 0, 0, 0, 0)),
    ],
    ids=["more", "an interface made anew", "a queue made anew", "nothing"],
)
def test_what_came_between_two_looks(before: Totals, now: Totals, expected: tuple[int, ...]) -> None:
    """Never less than nothing."""
    assert sampled(before, now, 1.5, 0.1) == Sampled(1.5, 0.1, *expected)


@pytest.mark.parametrize(("interfaces", "every"), [(1, 0.1), (200, 0.1), (1000, 0.5)])
def test_many_interfaces_are_looked_at_more_rarely(interfaces: int, every: float) -> None:
    """So that looking costs the same."""
    assert look_every(interfaces) == every


def test_all_have_their_turn() -> None:
    """Each once in that time, whenever one comes to look, and what was missed is not made up for."""
    turns = Turns(7, 0.1)
    taken = Counter(each for number in range(101) for each in turns.take(1000 + number * 0.01))

    assert sorted(taken) == list(range(7))
    assert set(taken.values()) == {10}
    assert sorted(turns.take(5000)) == list(range(7))
    assert Turns(0, 0.1).take(1000) == []
