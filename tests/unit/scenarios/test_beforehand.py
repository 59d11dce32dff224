"""What of a scenario cannot be is refused before anything is up."""

import pytest
from msgspec.structs import replace

from labs.chaos.beforehand import refuse, refuse_forgotten, refuse_on, refuse_senseless
from labs.chaos.entangling import refuse_entangled
from labs.chaos.faults.impairing import asked
from labs.chaos.faults.model import (
    AnyFault,
    BlackHole,
    ClockJump,
    Corruption,
    DaemonHung,
    DaemonKilled,
    Drained,
    DuplicateAddress,
    LeakedPrefix,
    LinkDown,
    Loss,
    LossyRail,
    ManagementCut,
    MtuMismatch,
    OneWay,
    PolarisedHash,
    PowerCut,
    RateDrop,
    SlowReceiver,
    SwappedCables,
    SwitchDead,
    WrongAsn,
    WrongMarking,
    WrongPolicy,
    WrongStatic,
)
from labs.chaos.soak import DRAWN, drawn, fitting
from labs.chaos.steady import planned
from topologies import deploy
from topologies.errors import Mistake
from topologies.runtime.probe import programs
from topologies.runtime.probe.capability import Capability

WHEN = {"at": "0s", "lasts": "1s", "name": "s"}
SWAPPED = SwappedCables(node="leaf1", interfaces=("eth1", "eth2"), **WHEN)
SMALL = "name: x\ndesign: leaf-spine\nspines: 2\nleaves: 2\nhosts_per_leaf: 1\n"
RATED = SMALL + "links: {host_rate_mbps: 20}\n"
RAIL = "name: x\ndesign: rail\npods: 1\nrails: 2\nhosts_per_pod: 1\nspines: 1\n"


def source(text: str = SMALL) -> deploy.Source:
    """A fabric file as read."""
    return deploy.source_of(text, "x.yml")


def judged(step: AnyFault, text: str = SMALL) -> None:
    """Refuse a fault, or not."""
    found = source(text)
    fabric, plan = planned(found)
    refuse_senseless(step, {node.name: node for node in found.lab.nodes}, plan, fabric)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (DaemonKilled(node="leaf1", daemon="bgp", **WHEN), "leaf1 runs no 'bgp'; there are zebra, bgpd"),
        (DaemonKilled(node="leaf1", daemon="bfdd", **WHEN), "leaf1 runs no 'bfdd'"),
        (DaemonHung(node="leaf1-host1", **WHEN), "leaf1-host1 runs no 'bgpd'; there are none"),
        (WrongAsn(node="leaf1", peer="leaf1-host1", **WHEN), "no session with leaf1-host1; it has spine1, spine2"),
        (WrongPolicy(node="leaf1-host1", **WHEN), "leaf1-host1 does not route; leaf1, leaf2, spine1, spine2 do"),
        (LeakedPrefix(node="leaf1-host1", **WHEN), "leaf1-host1 does not route"),
        (Drained(node="leaf1-host1", **WHEN), "leaf1-host1 does not route"),
        (ClockJump(node="leaf1-host1", by="+1h", **WHEN), "leaf1-host1 does not route"),
        (ClockJump(node="leaf1", by="-9s", **WHEN), "by: -9s is less than can be told; at least 10 s"),
        (BlackHole(node="leaf1", to="leaf1", **WHEN), "to: it is leaf1 itself"),
        (WrongStatic(node="leaf1", to="leaf1", interface="eth1", **WHEN), "to: it is leaf1 itself"),
        (DuplicateAddress(node="leaf1", of="leaf1", **WHEN), "of: it is leaf1 itself"),
        (MtuMismatch(link="leaf1:eth1", mtu=9500, **WHEN), "leaf1:eth1 has 9500 already"),
        (LeakedPrefix(node="leaf1", prefix="abc", **WHEN), "prefix: 'abc' does not appear"),
        (LeakedPrefix(node="leaf1", prefix="10.127.255.1/24", **WHEN), "has host bits set"),
        (LeakedPrefix(node="leaf1", prefix="192.0.2.0/24", **WHEN), "192.0.2.0/24 is not in 10.64.0.0/10"),
        (LeakedPrefix(node="leaf1", prefix="10.0.0.0/8", **WHEN), "10.0.0.0/8 is not in 10.64.0.0/10"),
    ],
)
def test_a_fault_that_means_nothing_here_is_refused(step: AnyFault, why: str) -> None:
    """The step, what is wrong, and what there is."""
    with pytest.raises(Mistake) as error:
        judged(step)

    assert str(error.value).startswith("step 's'")
    assert why in str(error.value)


def test_a_family_that_is_not_routed_cannot_leak() -> None:
    """Its prefix would come nowhere."""
    only4 = SMALL + "underlay: {ipv6: false}\n"

    with pytest.raises(Mistake, match="the fabric routes no IPv6"):
        judged(LeakedPrefix(node="leaf1", prefix="fdc1:5:1ab:ffff::/64", **WHEN), only4)
    judged(LeakedPrefix(node="leaf1", prefix="10.127.255.0/24", **WHEN), only4)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (Loss(link="leaf1:eth1", percent=0.00001, **WHEN), "leaf1:eth1: loss 1e-05: it is 0, or from 0.0001 to 100"),
        (WrongMarking(link="leaf1:eth1", kmin=5, kmax=1, pmax=5, **WHEN), "kmin 5, kmax 1"),
        (WrongMarking(link="leaf1:eth1", kmin=1, kmax=5, pmax=5, **WHEN), "rate"),
    ],
)
def test_an_impairment_that_cannot_be_is_refused(step: AnyFault, why: str) -> None:
    """With its end: one out of range, a law that is none, marks where nothing ever waits."""
    found = source()
    fabric, plan = planned(found)

    with pytest.raises(Mistake) as error:
        refuse([step], found.lab, fabric, plan)

    assert str(error.value).startswith("step 's': leaf1:eth1: ")
    assert why in str(error.value)


def test_a_node_without_a_management_network_has_none_to_be_cut() -> None:
    """It is refused by name; other nodes have theirs."""
    found = source()
    fabric, plan = planned(found)
    alone = [replace(each, network_mode="none") if each.name == "leaf1" else each for each in found.lab.nodes]
    lab = replace(found.lab, nodes=tuple(alone))

    with pytest.raises(Mistake, match="step 's': leaf1 has no management network to cut; its network-mode must be"):
        refuse([ManagementCut(**WHEN)], lab, fabric, plan)
    refuse([ManagementCut(node="leaf2", **WHEN)], lab, fabric, plan)


def test_a_receiver_has_nothing_to_pause_where_its_switch_has_no_rate() -> None:
    """With the key that gives it one; with it, it may be."""
    slow = SlowReceiver(link="leaf1-host1:eth1", takes=50, **WHEN)
    without, rated = source(), source(RATED)

    with pytest.raises(Mistake, match=r"leaf1:eth3 has no rate, so there is nothing to pause; `links.host_rate_mbps`"):
        refuse([slow], without.lab, *planned(without))
    refuse([slow], rated.lab, *planned(rated))


@pytest.mark.parametrize("cut", [SwitchDead(node="leaf1", **WHEN), PowerCut(rack="leaf1", **WHEN)])
def test_a_clock_cannot_jump_after_its_node_has_booted(cut: AnyFault) -> None:
    """It boots without what moves its clock; before, and on another node, it may."""
    fabric, _ = planned(source())
    jump, other = (ClockJump(node=node, by="-1h", **WHEN) for node in ("leaf1", "leaf2"))

    with pytest.raises(Mistake, match="step 'b': leaf1 boots before it, in step 'a'"):
        refuse_forgotten([named(cut, "a"), named(jump, "b", at="5s")], fabric)
    refuse_forgotten([named(cut, "a", at="5s"), named(jump, "b")], fabric)
    refuse_forgotten([named(cut, "a"), named(other, "b", at="5s")], fabric)


def test_a_clock_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which a node of the native runtime has from the machine, and a container from its image; what installs it is
    said."""
    steps = [ClockJump(node="leaf1", by="+1h", **WHEN)]
    monkeypatch.setattr(programs, "faketime", lambda: Capability("libfaketime", "", lack="not found"))

    with pytest.raises(Mistake, match="step 's': libfaketime: not found; apt-get install libfaketime"):
        refuse_on("netns", steps)
    refuse_on("containerlab", steps)
    monkeypatch.setattr(programs, "faketime", lambda: Capability("libfaketime", ""))
    refuse_on("netns", steps)


def named(step: AnyFault, name: str, at: str = "0s") -> AnyFault:
    """The same step under a name, at a time."""
    return replace(step, name=name, at=at)


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        (SwitchDead(node="spine1", **WHEN), SwitchDead(node="spine1", **WHEN), "spine1 power"),
        (SwitchDead(node="leaf1", **WHEN), PowerCut(rack="leaf1", **WHEN), "leaf1 power"),
        (SwitchDead(node="spine1", **WHEN), DaemonKilled(node="spine1", **WHEN), "spine1 bgpd"),
        (SwitchDead(node="leaf1", **WHEN), ManagementCut(**WHEN), "leaf1 management"),
        (
            SlowReceiver(link="leaf1-host1:eth1", takes=50, **WHEN),
            RateDrop(link="leaf1:eth3", mbps=1, **WHEN),
            "leaf1:eth3 rate",
        ),
        (ManagementCut(node="leaf1", **WHEN), ManagementCut(nodes=("leaf1",), **WHEN), "leaf1 management"),
        (SwitchDead(node="leaf1", **WHEN), LinkDown(link="leaf1:eth1", **WHEN), "leaf1:eth1 carrier"),
        (SwitchDead(node="spine1", **WHEN), LinkDown(link="leaf1:eth1", **WHEN), "spine1:eth1 carrier"),
        (DaemonKilled(node="leaf1", **WHEN), DaemonHung(node="leaf1", **WHEN), "leaf1 bgpd"),
        (LinkDown(link="leaf1:eth1", **WHEN), LinkDown(link="spine1:eth1", **WHEN), "leaf1:eth1 carrier"),
        (
            LinkDown(link="leaf1:eth1", **WHEN),
            SwappedCables(node="leaf1", interfaces=("eth1", "eth2"), **WHEN),
            "carrier",
        ),
        (OneWay(link="leaf1:eth1", **WHEN), Loss(link="leaf1:eth1", percent=5, **WHEN), "leaf1:eth1 loss"),
        (Loss(link="spine1:eth1", percent=5, **WHEN), Loss(link="leaf1:eth1", percent=5, **WHEN), "loss"),
        (PolarisedHash(**WHEN), PolarisedHash(**WHEN), "hash"),
        (WrongPolicy(node="leaf1", **WHEN), WrongPolicy(node="leaf1", **WHEN), "leaf1 wrong-policy"),
    ],
)
def test_two_faults_of_one_thing_may_not_meet(one: AnyFault, other: AnyFault, what: str) -> None:
    """One after the other they may: the first is healed when the second begins."""
    fabric, _ = planned(source())

    with pytest.raises(Mistake) as error:
        refuse_entangled([named(one, "a"), named(other, "b", at="999ms")], fabric)

    assert "steps 'a' and 'b' change the same at one time" in str(error.value)
    assert what in str(error.value)
    refuse_entangled([named(one, "a"), named(other, "b", at="1s")], fabric)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Loss(link="leaf1:eth1", percent=5, **WHEN), Corruption(link="leaf1:eth1", percent=5, **WHEN)),
        (Loss(link="leaf1:eth1", percent=5, **WHEN), Loss(link="leaf1:eth2", percent=5, **WHEN)),
        (OneWay(link="leaf1:eth1", **WHEN), OneWay(link="spine1:eth1", **WHEN)),
        (SwitchDead(node="spine1", **WHEN), SwitchDead(node="spine2", **WHEN)),
        (SwitchDead(node="spine1", **WHEN), ManagementCut(nodes=("leaf1", "leaf2"), **WHEN)),
        (ManagementCut(node="leaf1", **WHEN), DaemonKilled(node="leaf1", **WHEN)),
        (DaemonKilled(node="leaf1", **WHEN), DaemonKilled(node="leaf1", daemon="zebra", **WHEN)),
        (WrongAsn(node="leaf1", peer="spine1", **WHEN), WrongAsn(node="leaf1", peer="spine2", **WHEN)),
    ],
)
def test_faults_of_different_things_may_be_at_one_time(one: AnyFault, other: AnyFault) -> None:
    """Also on one cable, or one node."""
    fabric, _ = planned(source())

    refuse_entangled([named(one, "a"), named(other, "b")], fabric)


@pytest.mark.parametrize(
    ("step", "ends", "changes"),
    [
        (OneWay(link="leaf1:eth1", **WHEN), {"leaf1:eth1"}, {"loss_percent": 100}),
        (Loss(link="leaf1:eth1", percent=5, **WHEN), {"leaf1:eth1", "spine1:eth1"}, {"loss_percent": 5}),
        (RateDrop(link="leaf1:eth1", mbps=3, one_way=True, **WHEN), {"leaf1:eth1"}, {"rate_mbps": 3}),
    ],
)
def test_what_an_impairing_fault_asks_of_which_ends(step: AnyFault, ends: set[str], changes: dict[str, float]) -> None:
    """One end, or both."""
    found = asked(step, planned(source())[0])

    assert found is not None
    assert (set(found.ends), found.changes) == (ends, changes)


def test_a_lossy_rail_is_both_ends_of_all_its_cables() -> None:
    """Each once."""
    found = asked(LossyRail(rail=1, percent=5, **WHEN), planned(source(RAIL))[0])

    assert found is not None
    assert len(found.ends) == len(set(found.ends)) == 4
    assert asked(LinkDown(link="x", **WHEN), planned(source())[0]) is None


def test_a_soak_draws_only_what_means_something() -> None:
    """Every kind of its own on a common fabric; on one of small packets, no MTU that is there already."""
    common, small = source(), source(SMALL + "links: {mtu: 1500}\n")

    assert fitting(common.lab, *planned(common)) == list(DRAWN)
    kinds = fitting(small.lab, *planned(small))
    assert [each for each in DRAWN if each not in kinds] == [
        {"fault": "mtu-mismatch", "link": "any uplink", "mtu": 1500}
    ]
    for number in range(40):
        judged(drawn(3, number, planned(small)[0], kinds), SMALL + "links: {mtu: 1500}\n")
