"""Cables compared with the plan: what is heard on each port, and what should be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.ztp.cabling import Cabling, Far, Planned, neighbours, read, unclear, write, wrong
from automation.ztp.trouble import Trouble

RECORDED = Path(__file__).parents[1] / "napalm_frr/mocked_data/test_get_lldp_neighbors/frr-8.4"
SPINES = {"S1": "spine1", "S2": "spine2", "L2": "leaf2"}
LEAF = Cabling(
    "leaf1",
    (
        Planned("eth1", "spine1", "S1", "eth4"),
        Planned("eth2", "spine2", "S2", "eth4"),
        Planned("eth3", "leaf1-host1", "leaf1-host1", "eth1", heard=False),
    ),
    SPINES,
)
RIGHT = {"eth1": (Far("S1", "eth4", "spine1"),), "eth2": (Far("S2", "eth4", "S2"),)}


def test_cables_as_planned_are_neither_wrong_nor_silent() -> None:
    """A host need not be heard; names are not looked at, for they change."""
    assert wrong(LEAF, RIGHT) == []
    assert unclear(LEAF, RIGHT) == []


def test_swapped_cables_are_named_with_both_ends_and_what_was_expected() -> None:
    """Each port that leads elsewhere is said."""
    swapped = {"eth1": RIGHT["eth2"], "eth2": RIGHT["eth1"]}

    assert wrong(LEAF, swapped) == [
        "leaf1:eth1 should lead to spine1:eth4, and leads to spine2:eth4",
        "leaf1:eth2 should lead to spine2:eth4, and leads to spine1:eth4",
    ]


def test_the_right_switch_at_another_port_is_wrong() -> None:
    """The far port is part of the plan."""
    assert wrong(LEAF, {**RIGHT, "eth1": (Far("S1", "eth7"),)}) == [
        "leaf1:eth1 should lead to spine1:eth4, and leads to spine1:eth7"
    ]


def test_a_stranger_is_named_by_what_it_says_of_itself() -> None:
    """A serial that no node has."""
    assert "leads to ZZ:eth1" in wrong(LEAF, {**RIGHT, "eth1": (Far("ZZ", "eth1"),)})[0]


def test_several_at_one_port_are_not_believed_until_they_stay() -> None:
    """What a former neighbour said is kept for some seconds; a bridge in between stays."""
    both = {**RIGHT, "eth1": (*RIGHT["eth1"], Far("S2", "eth9"))}

    assert wrong(LEAF, both) == []
    assert unclear(LEAF, both) == ["leaf1:eth1 hears spine1:eth4 and spine2:eth9 (spine1:eth4 is expected)"]
    assert wrong(LEAF, both, surely=True) == ["leaf1:eth1 should lead to spine1:eth4, and leads to spine2:eth9"]


def test_a_host_at_the_wrong_port_is_wrong_though_it_need_not_be_heard() -> None:
    """What is heard must be right."""
    assert wrong(LEAF, {**RIGHT, "eth3": (Far("leaf2-host1", "eth1"),)})


def test_a_port_that_hears_nobody_is_silent_and_not_wrong() -> None:
    """It may be that the far end has not booted yet."""
    assert wrong(LEAF, {"eth1": RIGHT["eth1"]}) == []
    assert unclear(LEAF, {"eth1": RIGHT["eth1"]}) == ["leaf1:eth2 hears nobody (spine2:eth4 is expected)"]


def test_what_is_written_is_read_again() -> None:
    """It travels in a bundle."""
    assert read(write(LEAF)) == LEAF


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"node": "a", "ports": [{"port": 1}], "nodes": {}}', "null"])
def test_a_cabling_that_cannot_be_read_is_trouble(text: str) -> None:
    """A signed bundle may be of another version."""
    with pytest.raises(Trouble, match="cabling cannot be read"):
        read(text)


def test_neighbours_are_read_from_what_lldpd_shows() -> None:
    """A verbatim recording of two routers."""
    (recording,) = RECORDED.glob("lldpcli*")

    found = neighbours(recording.read_text())

    assert found
    assert all(far.chassis and far.port for fars in found.values() for far in fars)


@given(st.text(max_size=40))
def test_what_lldpd_does_not_say_is_trouble_and_nothing_else(text: str) -> None:
    """The agent lives on."""
    with pytest.raises(Trouble):
        neighbours(text)
