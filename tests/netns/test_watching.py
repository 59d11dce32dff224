r"""What daemons and kernels of a fabric do while it is broken is told, by the right node and at once.

spine1   spine2
   |  \ /  |
  leaf1   leaf2       two hosts each
"""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from probed import Fabric, children, fabric, pass_time, pid_of

from labs.chaos.model import Kind
from topologies.runtime import identity


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """One fabric for all tests that leave it as they found it."""
    with fabric(tmp_path_factory.mktemp("watching"), "w") as found:
        yield found


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
    first = {
        each.node: each.at - killed for each in reversed(down)
    }  # the new bgpd's session may drop once as it comes up
    assert set(first) == {"spine1", "spine2"}
    assert all(0 <= each < 0.2 for each in first.values())
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
    assert observed.missed == []
    assert observed.stood > 0


def test_what_a_kernel_could_not_tell_is_told(lab: Fabric) -> None:
    """More changes than its socket holds while the watcher stands still are a gap with the node's name."""
    with (observed := lab.observed()):
        change_routes_unwatched(lab, 20_000)

    assert "spine1: changes of routes were lost: No buffer space available" in observed.missed


def change_routes_unwatched(lab: Fabric, count: int) -> None:
    """Add so many routes to a spine and remove them while the watcher stands still."""
    routes = "".join(f"route add blackhole 198.18.{n >> 8}.{n & 255}/32\n" for n in range(count))
    watcher = children()[-1]
    os.kill(watcher, signal.SIGSTOP)
    lab.live.tool("spine1", ["ip", "-batch", "-"], routes)
    lab.live.tool("spine1", ["ip", "-batch", "-"], routes.replace("add", "del"))
    pass_time(0.2)  # longer than a watcher may stand still without a word
    os.kill(watcher, signal.SIGCONT)


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
        assert observed.missed == []
        assert observed.stood < 400  # less than any daemon is waited for
        assert all(each.at < went for each in downs)
        for each in downs:  # bfdd tells bgpd in the same moment
            gone = next(e for e in observed.events(Kind.BGP_DOWN, node="leaf1") if e.subject == each.subject)
            assert abs(gone.at - each.at) < 0.1
