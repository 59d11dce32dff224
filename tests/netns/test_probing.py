r"""What is seen of a fabric while it is broken: outages of the right flows, of plausible length, and none elsewhere.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       two hosts each, or none
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from probed import CALM, RATE, Fabric, fabric, pass_time

from labs.chaos.model import Kind
from topologies.errors import Fault
from topologies.runtime import identity
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


def children() -> list[int]:
    """Processes of this one, the youngest last: while a fabric is observed these are prober and watcher."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def pid_of(lab: Fabric, node: str, daemon: str) -> int:
    """The process of a node's daemon."""
    found = lab.live.door(node).processes()
    return next(each.pid for each in found if each.argv and os.path.basename(each.argv[0]) == daemon)


def test_a_quiet_fabric_loses_nothing_and_the_rate_is_kept(lab: Fabric) -> None:
    """No probe lost, none skipped for more than a hundredth, no event, and no more flows than 20 ms allow."""
    with (observed := lab.observed()) as now:
        began = now.now
        pass_time(2.0)
        lasted = now.now - began + 2 * CALM

    seen = observed.seen
    assert (observed.lost, seen.probes.outages, seen.events, seen.missed) == (0, (), (), ())
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
    assert observed.seen.missed == ()


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


def test_a_killed_bgpd_is_told_by_its_neighbours(lab: Fabric) -> None:
    """Both spines see their session go down, and come up with the new one; routes of the dead one are missed."""
    leaf = lab.live.door("leaf1")
    with (observed := lab.observed()) as now:
        killed = now.now
        identity.stop(pid_of(lab, "leaf1", "bgpd"), signal.SIGKILL, within=5)
        pass_time(0.5)
        leaf.restart_daemon("bgpd")
        lab.settle()

    down = [each for each in observed.events(Kind.BGP_DOWN) if each.subject == "leaf1"]
    assert {each.node for each in down} == {"spine1", "spine2"}
    assert all(killed <= each.at < killed + 0.2 for each in down)
    assert {each.subject for each in observed.events(Kind.BGP_UP, node="leaf1")} == {"spine1", "spine2"}
    assert observed.outages()


def test_a_hung_bgpd_is_no_event(lab: Fabric) -> None:
    """For a time shorter than the hold time the kernel forwards as before."""
    bgpd = pid_of(lab, "leaf1", "bgpd")
    with (observed := lab.observed()):
        identity.signal_number(bgpd, signal.SIGSTOP)
        pass_time(0.5)
        identity.signal_number(bgpd, signal.SIGCONT)

    assert (observed.lost, observed.seen.events) == (0, ())


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


@pytest.mark.parametrize("prefix", ["203.0.113.0/24", "2001:db8:7::/48"])
def test_a_route_that_no_plan_has_is_found(lab: Fabric, prefix: str) -> None:
    """Once, by its prefix, on its node; its going is told too."""
    leaf = lab.live.door("leaf2")
    gateway = ["via", "inet6", "fe80::1", "dev", "eth1"] if ":" not in prefix else ["via", "fe80::1", "dev", "eth1"]
    with (observed := lab.observed()) as now:
        came = now.now
        lab.live.tool("leaf2", ["ip", "route", "add", prefix, *gateway, "proto", "static"])
        lab.live.tool("leaf2", ["ip", "route", "del", prefix])

    assert leaf.node == "leaf2"
    assert [(each.node, each.subject) for each in observed.events(Kind.LEAKED)] == [("leaf2", prefix)]
    assert [(each.node, each.subject) for each in observed.events(Kind.ROUTE_REMOVED)] == [("leaf2", prefix)]
    assert came <= observed.events(Kind.LEAKED)[0].at < came + 0.2


def test_thousands_of_changes_at_once_are_all_told(lab: Fabric) -> None:
    """Also when the watcher stands still meanwhile, which it says."""
    with (observed := lab.observed()):
        change_routes_unwatched(lab, 2000)

    found = observed.events(Kind.ROUTE_ADDED, Kind.ROUTE_REMOVED, node="spine1")
    assert len(found) == 4000
    assert len(observed.seen.missed) == 1
    assert observed.seen.missed[0].startswith("nobody looked for ")


def test_what_a_kernel_could_not_tell_is_told(lab: Fabric) -> None:
    """More changes than its socket holds while the watcher stands still are a gap with the node's name."""
    with (observed := lab.observed()):
        change_routes_unwatched(lab, 20_000)

    assert "spine1: changes of routes were lost: No buffer space available" in observed.seen.missed


def change_routes_unwatched(lab: Fabric, count: int) -> None:
    """Add so many routes to a spine and remove them while the watcher stands still."""
    routes = "".join(f"route add blackhole 198.18.{n >> 8}.{n & 255}/32\n" for n in range(count))
    watcher = children()[-1]
    os.kill(watcher, signal.SIGSTOP)
    lab.live.tool("spine1", ["ip", "-batch", "-"], routes)
    lab.live.tool("spine1", ["ip", "-batch", "-"], routes.replace("add", "del"))
    os.kill(watcher, signal.SIGCONT)


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


def test_hung_daemons_keep_nobody_waiting(tmp_path: Path) -> None:
    """While bfdd hangs on three of four switches, what the fourth says and what kernels do is known at once."""
    with fabric(tmp_path, "c", hosts=1, more="underlay: {bfd: true}\n") as lab:
        with (observed := lab.observed()) as now:
            hung = [pid_of(lab, node, "bfdd") for node in ("spine1", "spine2", "leaf2")]
            for pid in hung:
                identity.signal_number(pid, signal.SIGSTOP)
            pass_time(1.5)  # three intervals of BFD, and some
            went = now.now
            for pid in hung:
                identity.signal_number(pid, signal.SIGCONT)
            lab.settle()

        downs = observed.events(Kind.BFD_DOWN, node="leaf1")
        assert {each.subject for each in downs} == {"spine1", "spine2"}
        assert observed.seen.missed == ()
        assert all(each.at < went for each in downs)
        for each in downs:  # bfdd tells bgpd in the same moment
            (gone,) = (e for e in observed.events(Kind.BGP_DOWN, node="leaf1") if e.subject == each.subject)
            assert abs(gone.at - each.at) < 0.1
