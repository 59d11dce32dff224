r"""What is seen of a fabric while it is broken: outages of the right flows, of plausible length, and none elsewhere.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       two hosts each, or none
"""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from probed import CALM, RATE, Fabric, children, fabric, pass_time

from labs.chaos.model import Flow, Kind
from labs.chaos.probing.layout import SMALL
from labs.chaos.probing.sockets import Sockets
from topologies.errors import Fault
from topologies.runtime.model import Action

LOCAL = ({"leaf1-host1", "leaf1-host2"}, {"leaf2-host1", "leaf2-host2"})
ROUTES = (Kind.ROUTE_ADDED, Kind.ROUTE_REPLACED, Kind.ROUTE_REMOVED)
SHORT = 0.5  # seconds in which a carrier's loss is repaired, with room for a busy machine
STALL = 0.3
DEAF = """
table ip deaf {
    chain coming {
        type filter hook prerouting priority -300
        drop
    }
}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """One fabric for all tests that leave it as they found it."""
    with fabric(tmp_path_factory.mktemp("probing"), "a") as found:
        yield found


def test_a_quiet_fabric_loses_nothing_and_the_rate_is_kept(lab: Fabric) -> None:
    """No probe lost, none skipped for more than a hundredth, no event, and no more flows than 20 ms allow."""
    with (observed := lab.observed()) as now:
        began = now.now
        pass_time(2.0)
        lasted = now.now - began + 2 * CALM

    seen = observed.seen
    assert (observed.lost, seen.probes.outages, seen.events, observed.missed) == (0, (), (), [])
    assert observed.sent + seen.probes.fidelity.unsent == pytest.approx(RATE * lasted, rel=0.05)
    assert seen.probes.fidelity.unsent <= observed.sent / 100
    assert seen.probes.fidelity.interval <= 0.02


def test_a_link_that_goes_down_is_felt_by_flows_over_it_only(lab: Fabric) -> None:
    """Shortly; hosts of one leaf do not notice, kernels change their routes at once, and sessions of the link go."""
    leaf = lab.live.door("leaf1")
    with (observed := lab.observed()) as now:
        cut = now.now
        leaf.link("eth1", up=False)
        pass_time(1.0)
        leaf.link("eth1", up=True)
        lab.settle()

    hit = observed.outages()
    first = [each for each in hit if each.begun < cut + 0.5]
    assert first
    assert len({each.flow for each in hit}) < len(observed.seen.probes.flows)
    assert not [each for each in hit if {each.flow.source, each.flow.target} in LOCAL]
    assert all(each.ended is not None and each.ended - each.begun < SHORT for each in hit)
    changed = observed.events(*ROUTES, node="leaf1")
    assert cut <= changed[0].at < cut + 0.3
    assert [each.subject for each in observed.events(Kind.BGP_DOWN, node="leaf1")] == ["spine1"]
    assert [each.subject for each in observed.events(Kind.BGP_UP, node="leaf1")] == ["spine1"]
    assert observed.events(Kind.LEAKED) == []


def test_a_spine_that_dies_and_boots_is_followed(lab: Fabric) -> None:
    """Both leaves lose and find it, its own daemon is heard again, and no outage is longer than a carrier's loss."""
    with (observed := lab.observed()):
        lab.live.act("spine2", Action.KILL)
        pass_time(0.5)
        lab.live.act("spine2", Action.START)
        lab.settle()

    assert {each.node for each in observed.events(Kind.BGP_DOWN) if each.subject == "spine2"} >= {"leaf1", "leaf2"}
    assert {each.subject for each in observed.events(Kind.BGP_UP, node="spine2")} == {"leaf1", "leaf2"}
    assert observed.events(Kind.ROUTE_ADDED, node="spine2")
    assert all(each.ended is not None and each.ended - each.begun < SHORT for each in observed.outages())
    assert observed.missed == []


def test_a_host_that_dies_is_lost_until_it_has_booted(lab: Fabric) -> None:
    """Every flow from it and to it, no other; and each is probed again afterwards."""
    with (observed := lab.observed()) as now:
        killed = now.now
        lab.live.act("leaf1-host1", Action.KILL)
        pass_time(0.5)
        lab.live.act("leaf1-host1", Action.START)
        lab.settle()

    theirs = {each for each in observed.seen.probes.flows if "leaf1-host1" in (each.source, each.target)}
    assert {each.flow for each in observed.outages()} == theirs
    assert len(observed.outages()) == len(theirs)
    for each in observed.outages():
        assert killed <= each.begun < killed + 0.3
        assert each.ended is not None
        assert each.ended - each.begun >= 0.4


def test_a_spine_without_hosts_is_probed_again_once_it_has_booted(tmp_path: Path) -> None:
    """Its loopback's address comes later than the spine itself, which its sockets wait for."""
    with fabric(tmp_path, "b", hosts=0) as lab:
        with (observed := lab.observed(rate=RATE)):
            lab.live.act("spine1", Action.KILL)
            pass_time(0.3)
            lab.live.act("spine1", Action.START)
            lab.settle()
            pass_time(0.3)

        theirs = {each for each in observed.seen.probes.flows if "spine1" in (each.source, each.target)}
        assert {each.flow for each in observed.outages("spine1")} == theirs
        assert all(each.ended is not None for each in observed.outages())


def test_an_outage_is_as_long_as_what_caused_it(lab: Fabric) -> None:
    """To two intervals; every flow to the address that is cut off has one, and no other flow."""
    spare = 2 * 0.02 + 0.01  # and what it takes to be told when a rule was there
    with (observed := lab.observed()) as now:
        before = now.now
        lab.live.tool("leaf2-host1", ["nft", "-f", "-"], DEAF)
        there = now.now
        pass_time(0.3)
        going = now.now
        lab.live.tool("leaf2-host1", ["nft", "delete", "table", "ip", "deaf"])
        gone = now.now

    hit = observed.outages()
    flows = observed.seen.probes.flows
    assert {each.flow for each in hit} == {e for e in flows if e.target == "leaf2-host1" and e.family == "ipv4"}
    assert len(hit) == len({each.flow for each in hit})
    for each in hit:
        assert each.ended is not None
        assert before <= each.begun <= there + spare
        assert going <= each.ended <= gone + spare
        assert each.lost == pytest.approx((each.ended - each.begun) / observed.seen.probes.fidelity.interval, abs=1)


def test_a_prober_that_stood_still_says_so_and_sends_no_burst(lab: Fabric) -> None:
    """Its lateness and what it skipped are in the log; nothing is taken for an outage."""
    with (observed := lab.observed()):
        prober = children()[-2]
        os.kill(prober, signal.SIGSTOP)
        pass_time(STALL)
        os.kill(prober, signal.SIGCONT)
        pass_time(0.3)

    fidelity = observed.seen.probes.fidelity
    assert fidelity.late_worst >= STALL * 0.9
    assert fidelity.unsent == pytest.approx(RATE * STALL, rel=0.2)
    assert observed.seen.probes.outages == ()


def test_an_address_that_comes_late_is_waited_for(lab: Fabric) -> None:
    """Sockets say that something lacks until it is there, and are whole then; what is off is not waited for."""
    flow = Flow("leaf1-host1", "leaf1-host2", "ipv4", 0, "198.18.0.1", "198.18.0.2", SMALL)
    sockets = Sockets((flow,))
    whole = []
    with closing(sockets):
        for node, address in ((flow.source, flow.source_address), (flow.target, flow.target_address)):
            sockets.follow(lab.live.record)
            whole.append(sockets.whole)
            assert not sockets.send(0, bytes(SMALL))
            lab.live.tool(node, ["ip", "address", "add", f"{address}/32", "dev", "lo"])
        sockets.follow(lab.live.record)
        whole.append(sockets.whole)
        for node, address in ((flow.source, flow.source_address), (flow.target, flow.target_address)):
            lab.live.tool(node, ["ip", "address", "del", f"{address}/32", "dev", "lo"])

    assert whole == [False, False, True]


def test_a_prober_that_was_killed_is_no_result(lab: Fabric) -> None:
    """Whoever waits for it is told, and the watcher ends with it."""
    before = children()
    with pytest.raises(Fault, match="prober: the process that was at it ended without a word"), lab.observed():
        os.kill(children()[-2], signal.SIGKILL)

    assert children() == before


def test_a_low_limit_of_open_files_is_raised(lab: Fabric) -> None:
    """A mesh has more sockets than a shell's soft limit may allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 30, hard))
    try:
        with (observed := lab.observed()):
            pass_time(0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert len(observed.seen.probes.flows) > 30
    assert observed.lost == 0


def test_a_flow_without_a_way_is_named_before_anything_is_broken(lab: Fabric) -> None:
    """The prober's first round does not come back, and nothing goes on."""
    before = children()
    lab.live.act("leaf2-host2", Action.KILL)
    try:
        with pytest.raises(Fault, match=r"no probe came through before anything was broken: .*leaf2-host2"):
            lab.observed().__enter__()
        assert children() == before
    finally:
        lab.live.act("leaf2-host2", Action.START)
        lab.settle()
