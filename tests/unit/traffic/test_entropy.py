"""Source ports of flows: the formulas that real cards' libraries use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.traffic.roce.entropy import FIRST_PORT, LAST_PORT, flow_label, port_of, source_port
from topologies.errors import Mistake

QUEUE_PAIRS = st.integers(0, 0xFFFFFF)


@pytest.mark.parametrize(
    ("local", "remote", "label", "port"),
    [
        (0x11, 0x13, 0x00143, 0xC143),  # the product itself, below 20 bits
        (0x1000, 0x1000, 0x00010, 0xC010),  # 2**24: what is above 20 bits is folded down
        (0xFFFFFF, 0xFFFFFF, 0xFFF1E, 0xFF21),  # 0xFFFFFE000001, folded twice; then the label's upper six bits
    ],
)
def test_labels_and_ports_by_hand(local: int, remote: int, label: int, port: int) -> None:
    """Worked out on paper."""
    assert flow_label(local, remote) == label
    assert source_port(label) == port


@given(QUEUE_PAIRS, QUEUE_PAIRS)
def test_both_ends_have_the_same_port(one: int, other: int) -> None:
    """In the range of dynamic ports."""
    assert port_of(one, other) == port_of(other, one)
    assert FIRST_PORT <= port_of(one, other) <= LAST_PORT


def test_numbers_that_cannot_be_are_refused() -> None:
    """With how many bits there are."""
    with pytest.raises(Mistake, match="queue pair 0x1000000: numbers have 24 bits"):
        flow_label(1, 1 << 24)
    with pytest.raises(Mistake, match="flow label 0x100000: labels have 20 bits"):
        source_port(1 << 20)
