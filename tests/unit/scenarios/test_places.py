"""Where faults hit: names become nodes and cables, and `any` is chosen by the seed."""

import pytest

from labs.chaos.faults.model import (
    AclDrop,
    AnyFault,
    BlackHole,
    DuplicateAddress,
    LinkDown,
    LossyRail,
    ManagementCut,
    PolarisedHash,
    PowerCut,
    SlowReceiver,
    SwappedCables,
    SwitchDead,
    WrongAsn,
    WrongStatic,
)
from labs.chaos.places import hit, rail_cables, settle_places
from topologies.errors import Mistake
from topologies.files.fabric import parse_fabric
from topologies.model import Fabric

WHEN = {"at": "0s", "lasts": "1s", "name": "s"}
SMALL = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 3\nhosts_per_leaf: 1\n"
RAIL = "name: x\ndesign: rail\npods: 1\nrails: 2\nhosts_per_pod: 2\nspines: 1\n"
THREE = "name: x\ndesign: three-tier\npods: 2\nspines_per_pod: 2\nleaves_per_pod: 1\nsuperspines_per_plane: 1\n"


def fabric(text: str = SMALL) -> Fabric:
    """A fabric of a file."""
    return parse_fabric(text, "x.yml")


def settled(step: AnyFault, text: str = SMALL, seed: int = 1) -> AnyFault:
    """One step with its place."""
    (done,) = settle_places([step], fabric(text), seed)
    return done


@pytest.mark.parametrize(
    ("written", "end"),
    [
        ("leaf1:eth2", "leaf1:eth2"),
        ("spine2:eth1", "spine2:eth1"),
        ("leaf1-spine2", "leaf1:eth2"),
        ("spine2-leaf1", "spine2:eth1"),
        ("leaf2-leaf2-host1", "leaf2:eth3"),
    ],
)
def test_a_cable_is_named_by_an_end_or_by_both_nodes(written: str, end: str) -> None:
    """The end that is meant is the first node's."""
    assert getattr(settled(LinkDown(link=written, **WHEN)), "link", "") == end


def test_any_is_chosen_by_the_seed_and_reaches_every_candidate() -> None:
    """The same seed chooses the same, another step's choice does not change it, and no candidate is left out."""
    uplinks = {str(link.a) for link in fabric().links if not link.a.node.endswith("host1")}

    chosen = [settled(LinkDown(link="any uplink", **WHEN), seed=seed) for seed in range(60)]
    again = [settled(LinkDown(link="any uplink", **WHEN), seed=seed) for seed in range(60)]
    first = SwitchDead(node="any spine", **{**WHEN, "name": "first"})
    beside = settle_places([first, LinkDown(link="any uplink", **WHEN)], fabric(), 7)[1]

    assert chosen == again
    assert {step.link for step in chosen if isinstance(step, LinkDown)} == uplinks
    assert beside == chosen[7]


def test_any_host_link_ends_at_a_host() -> None:
    """And any uplink never does."""
    for seed in range(20):
        assert "host" in getattr(settled(LinkDown(link="any host-link", **WHEN), seed=seed), "link", "")
        assert "host" not in getattr(settled(LinkDown(link="any uplink", **WHEN), seed=seed), "link", "")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (SwitchDead(node="leaf9", **WHEN), "no node 'leaf9'"),
        (SwitchDead(node="any superspine", **WHEN), "the fabric has no superspine"),
        (SwitchDead(node="any thing", **WHEN), "'any thing' is not known; there are any host"),
        (LinkDown(link="leaf1:eth9", **WHEN), "no cable 'leaf1:eth9'"),
        (LinkDown(link="leaf1-leaf2", **WHEN), "a cable is NODE:INTERFACE or NODE-NODE"),
        (LinkDown(link="any cable", **WHEN), "'any cable' is not known"),
        (
            WrongAsn(node="leaf1", peer="leaf2", **WHEN),
            "leaf1 has no cable to leaf2; it has to leaf1-host1, spine1, spine2",
        ),
        (BlackHole(node="spine1", to="nobody", **WHEN), "to: no node 'nobody'"),
        (DuplicateAddress(node="spine1", of="leaf4", **WHEN), "of: no node 'leaf4', did you mean"),
        (AclDrop(node="spine1", **WHEN), "say either `to` or `queue_pair`"),
        (AclDrop(node="spine1", to="leaf1", queue_pair=7, **WHEN), "say either `to` or `queue_pair`"),
        (ManagementCut(node="leaf1", nodes=("leaf2",), **WHEN), "say `node`, or `nodes`, or neither for all"),
        (ManagementCut(nodes=("leaf1", "no"), **WHEN), "nodes: no node 'no'"),
        (
            SlowReceiver(link="leaf1:eth1", takes=50, **WHEN),
            "link: no host is at leaf1:eth1; a receiver is a",
        ),
        (PowerCut(**WHEN), "say one of `rack`, `plane` and `nodes`"),
        (PowerCut(rack="leaf1", plane=1, **WHEN), "say one of"),
        (PowerCut(rack="spine1", **WHEN), "a rack is named by its leaf, and spine1 is a spine"),
        (PowerCut(plane=1, **WHEN), "no plane 1"),
        (PowerCut(nodes=("leaf1", "no"), **WHEN), "no node 'no'"),
        (LossyRail(rail=1, percent=1, **WHEN), "no rail 1; there are none"),
        (SwappedCables(node="leaf1", interfaces=("eth1", "eth9"), **WHEN), "leaf1 has no interface 'eth9'"),
        (SwappedCables(node="leaf1", interfaces=("eth1", "eth1"), **WHEN), "cannot change places with itself"),
        (WrongStatic(node="leaf1", to="leaf2", interface="lo", **WHEN), "leaf1 has no interface 'lo'"),
    ],
)
def test_a_place_that_the_fabric_lacks_is_refused(step: AnyFault, why: str) -> None:
    """The step, the key, and what there is."""
    with pytest.raises(Mistake) as error:
        settled(step)

    assert str(error.value).startswith("step 's'")
    assert why in str(error.value)


@pytest.mark.parametrize(
    ("step", "text", "places"),
    [
        (PowerCut(rack="leaf2", **WHEN), SMALL, ("leaf2", "leaf2-host1")),
        (PowerCut(nodes=("spine1", "leaf1"), **WHEN), SMALL, ("spine1", "leaf1")),
        (PowerCut(plane=2, **WHEN), THREE, ("superspine2", "pod1-spine2", "pod2-spine2")),
        (ManagementCut(node="leaf1", **WHEN), SMALL, ("leaf1",)),
        (SlowReceiver(link="leaf1:eth3", takes=50, **WHEN), SMALL, ("leaf1-host1:eth1",)),
        (SlowReceiver(link="leaf1-host1:eth1", takes=50, **WHEN), SMALL, ("leaf1-host1:eth1",)),
        (ManagementCut(nodes=("leaf1", "spine1"), **WHEN), SMALL, ("leaf1", "spine1")),
        (ManagementCut(**WHEN), SMALL, tuple(node.name for node in fabric().nodes)),
        (SwitchDead(node="spine1", **WHEN), SMALL, ("spine1",)),
        (LinkDown(link="leaf1:eth1", **WHEN), SMALL, ("leaf1:eth1",)),
        (SwappedCables(node="leaf1", interfaces=("eth1", "eth2"), **WHEN), SMALL, ("leaf1:eth1", "leaf1:eth2")),
        (PolarisedHash(**WHEN), SMALL, ()),
    ],
)
def test_a_fault_knows_what_it_hits(step: AnyFault, text: str, places: tuple[str, ...]) -> None:
    """Nodes, or ends of cables."""
    assert set(hit(settled(step, text), fabric(text))) == set(places)


def test_a_rail_is_every_cable_of_its_leaves() -> None:
    """Those up to spines and those down to hosts, of this rail only."""
    found = rail_cables(fabric(RAIL), 2)

    assert len(found) == 3
    assert all("rail2" in end for end in found)
