"""Packets that wait: which leaves when, and how a relay is told by its tap."""

from collections.abc import Iterator
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topologies.impairments.model import Impairment
from topologies.impairments.relay.line import MILLISECOND, MOST, Line
from topologies.impairments.relay.model import Relay, relay_of, waiting
from topologies.runtime.model import Process

CHANCE = st.floats(min_value=0, max_value=1, exclude_max=True)


def drawn(*numbers: float) -> Iterator[float]:
    """These, then 0.5 for ever: the middle of the jitter, and in no share below one half."""
    return chain(numbers, repeat(0.5))


def line(wanted: Impairment, *numbers: float) -> Line:
    """A line whose chance is these numbers."""
    found = drawn(*numbers)
    return Line(wanted, lambda: next(found))


def test_packets_keep_their_order_and_their_distance() -> None:
    """Each waits for the delay, neither less nor more."""
    waits = line(Impairment(delay_ms=5))
    for number in range(3):
        waits.take(bytes([number]), number * MILLISECOND)

    assert waits.next_moment() == 5 * MILLISECOND
    assert list(waits.due(5 * MILLISECOND - 1)) == []
    assert list(waits.due(6 * MILLISECOND)) == [b"\0", b"\1"]
    assert waits.next_moment() == 7 * MILLISECOND
    assert list(waits.due(1 << 60)) == [b"\2"]
    assert waits.next_moment() is None


@given(st.lists(CHANCE, min_size=1, max_size=50), st.floats(0, 100), st.floats(0, 1))
def test_nobody_waits_less_or_longer_than_the_jitter_allows(chances: list[float], delay: float, share: float) -> None:
    """Delay less jitter to delay and jitter, evenly drawn."""
    jitter = delay * share
    waits = line(Impairment(delay_ms=delay, jitter_ms=jitter), *chances)
    for number in range(len(chances)):
        waits.take(bytes([number]), 0)

    left = {}
    while (moment := waits.next_moment()) is not None:
        left |= {frame[0]: moment for frame in waits.due(moment)}
    for number, chance in enumerate(chances):
        expected = (delay + (2 * chance - 1) * jitter) * MILLISECOND
        assert left[number] == pytest.approx(expected, abs=1)


def test_a_share_does_not_wait() -> None:
    """It overtakes those that do."""
    waits = line(Impairment(delay_ms=5, reorder_percent=25), 0.25, 0.24)
    waits.take(b"waits", 0)
    waits.take(b"goes", 0)

    assert list(waits.due(0)) == [b"goes"]
    assert list(waits.due(5 * MILLISECOND)) == [b"waits"]


def test_a_share_is_doubled_and_the_copy_is_drawn_for_by_itself() -> None:
    """One waits for 4 ms and its copy for 6 ms; the next one is alone."""
    waits = line(Impairment(delay_ms=5, jitter_ms=1, duplicate_percent=10), 0.09, 0.0, 1.0, 0.1)
    waits.take(b"twice", 0)
    waits.take(b"once", 0)

    assert list(waits.due(4 * MILLISECOND)) == [b"twice"]
    assert list(waits.due(6 * MILLISECOND)) == [b"once", b"twice"]


def test_what_waits_is_bounded() -> None:
    """Who asks sees that there is no room, until some have left."""
    waits = line(Impairment(delay_ms=1))
    while not waits.full:
        waits.take(bytes(1 << 20), 0)
    assert sum(map(len, waits.due(MILLISECOND))) == MOST
    assert not waits.full


@pytest.mark.parametrize("wanted", [Impairment(delay_ms=0.001), Impairment(0, 60_000.0, 60_000.0, 0, 0, 33.3333, 0.5)])
def test_a_relay_is_told_by_the_alias_of_its_tap(wanted: Impairment) -> None:
    """Which fits into what the kernel keeps."""
    relay = Relay("relay0", "Ethernet1-1.100", Process(4_194_304, 1 << 40), wanted)

    assert relay_of("relay0", relay.alias()) == relay
    assert len(relay.alias()) < 256
    assert relay_of("eth1", "to spine1") is None


def test_only_what_has_packets_wait_is_a_relays() -> None:
    """The rest is done by others, before and after."""
    every = Impairment(1, 2, 0.5, 4, 5, 6, 7)

    assert waiting(every) == Impairment(delay_ms=2, jitter_ms=0.5, duplicate_percent=6, reorder_percent=7)
    assert waiting(Impairment(rate_mbps=1, loss_percent=1)) == Impairment()
