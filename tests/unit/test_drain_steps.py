"""The steps of a drain that can be thought out: what is configured, when a router is idle, who still sends to it."""

import pytest
from fabric_files import made
from napalm_frr.merging import merge
from napalm_frr.normal import normal
from napalm_frr.tree import text

from automation.draining import steps
from automation.draining.quiet import IDLE_WINDOW, Quiet, forwarded
from automation.draining.traffic import still_sent
from telemetry.model import Out, Service
from telemetry.service import out_of_service
from topologies.planning.without import without
from topologies.render.assemble import lab
from topologies.runtime.netlink_decode import Hop, KernelRoute

TWO = {"name": "x", "design": "leaf-spine", "spines": 2, "leaves": 2}
BGP, WHEN, WHO = 186, "2026-01-02T03:04:05+00:00", "root on vm"
SNMP = """\
Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos
Ip: 1 64 100 0 0 40 0
Icmp: InMsgs InErrors
Icmp: 1 0
Ip6InReceives                   \t500
Ip6OutForwDatagrams             \t2
"""


def configured() -> str:
    """bgpd's configuration of a spine, as FRR shows it."""
    fabric, plan = made(TWO)
    spine = next(node for node in lab(fabric, plan).nodes if node.name == "spine1")
    return text(normal(next(file.text for file in spine.files if file.path.endswith("bgpd.conf"))))


def after(config: str, step: str) -> str:
    """A configuration after a step was merged into it."""
    return text(merge(normal(config), step))


def test_the_steps_lead_out_and_back() -> None:
    """Marked, then shut; opened with the mark still there, then as before to the letter."""
    config = configured()
    marked = after(config, steps.marking(config))
    shut = after(marked, steps.shutting(marked, WHEN, WHO))
    opened = after(shut, steps.opening(shut))

    assert out_of_service(marked) == Out(Service.DRAINING)
    assert out_of_service(shut) == Out(Service.DRAINED, WHEN, WHO)
    assert out_of_service(opened) == Out(Service.DRAINING)
    assert after(opened, steps.unmarking(opened)) == config


def test_one_that_was_shut_by_hand_comes_back_as_well() -> None:
    """All at once, and without the mark: it gets the mark, so that nobody sends to it before it knows the way."""
    config = configured()
    by_hand = after(config, f"{steps.instance(config)}\n bgp shutdown\n neighbor LEAVES shutdown\n")

    assert out_of_service(after(by_hand, steps.opening(by_hand))) == Out(Service.DRAINING)


def test_forwarded_datagrams_are_counted_in_both_families() -> None:
    """And not what the router sends or receives itself; a kernel that does not say is an error."""
    assert forwarded(SNMP) == 42
    with pytest.raises(ValueError, match="no counters of IPv4"):
        forwarded("Ip6OutForwDatagrams 2\n")


def test_a_router_is_idle_after_a_whole_window_without_one() -> None:
    """Each datagram begins the window anew."""
    quiet = Quiet(5, since=10.0).seen(5, 10.9)
    assert quiet.idle(10.0 + IDLE_WINDOW)
    again = quiet.seen(6, 10.9)

    assert not again.idle(10.0 + IDLE_WINDOW)
    assert again.idle(10.9 + IDLE_WINDOW)


def route(prefix: str, *ports: int) -> KernelRoute:
    return KernelRoute(prefix, BGP, tuple(Hop("fe80::1", port) for port in ports), 254, "unicast", 20, "")


def test_peers_that_still_send_are_told_by_their_kernels_routes() -> None:
    """Over other ways they may; and to the router itself, to whom there is no other way."""
    _, plan = made(TWO)
    leaf, spine = (without(plan, (), {"spine1"}).nodes[name] for name in ("leaf1", "spine1"))
    names = {number: f"eth{number}" for number in range(1, 4)}
    far = [each.prefix for each in leaf.routes if each.origin == "leaf2"]
    alone = [route(prefix, 2) for prefix in far] + [route(prefix, 1) for prefix in spine.announces]

    assert still_sent(leaf, "spine1", alone, names) == ()
    assert still_sent(leaf, "spine1", [*alone[1:], route(far[0], 1, 2)], names) == (far[0],)
