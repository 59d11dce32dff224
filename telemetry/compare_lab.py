"""A lab that has no plan, compared with its own file and with itself. Pure.

What its routing should do is unknown; that its nodes run, its cables lead where the file says, its MTUs agree, its
daemons answer, its configured sessions are Established and its addresses are unique is not.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from ipaddress import ip_interface

from telemetry.model import ESTABLISHED, Difference, NodeFacts, What
from topologies.lab import BRIDGE, End, Lab, Veth
from topologies.model import Endpoint

EXIT = "exit"  # the stage of a node that its own program's end completes
DEAD_NEIGHBOUR = "failed"

Subject = Callable[[Lab, Mapping[str, NodeFacts]], Iterable[Difference]]


def lab_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> tuple[Difference, ...]:
    """All that is wrong in a lab as far as its file and the lab itself tell."""
    return tuple(difference for subject in SUBJECTS for difference in subject(lab, facts))


def node_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Nodes that do not run or are paused, declared daemons that do not answer, and a node's own program that ended.

    As a container such a node would be dead. Those whose end another node waits for are meant to end.
    """
    awaited = {wait.node for node in lab.nodes for wait in node.waits if wait.until == EXIT}
    for node in lab.nodes:
        if facts[node.name].paused:
            yield Difference(node.name, "node", What.NODE_PAUSED, "running", "paused")
        if (code := facts[node.name].ended) and node.name not in awaited:
            yield Difference(node.name, "program", What.PROGRAM_ENDED, "running", f"ended with exit code {code}")
        for what, why in facts[node.name].lacks:
            if what == "node":
                yield Difference(node.name, "node", What.NODE_DEAD, "running", why)
            else:
                yield Difference(node.name, what, What.DAEMON_SILENT, "an answer", why)


def cable_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Cables that are missing, down, lead elsewhere, or whose ends differ in MTU. Where those to a bridge or onto the
    machine lead is not heard, for those ends do not answer."""
    silent = silent_ends(lab)
    for link in cables(lab):
        yield from end_differences(link, silent, facts)
        ours, theirs = (facts[end.node].links.get(end.interface) for end in (link.a, link.b))
        if ours and theirs and ours.mtu != theirs.mtu:
            expected = f"the same as {link.b} ({theirs.mtu})"
            yield Difference(link.a.node, f"link {link.a.interface}", What.MTU, expected, str(ours.mtu))


def cables(lab: Lab) -> tuple[Veth, ...]:
    """The links that have both their ends at nodes."""
    return tuple(link for link in lab.links if isinstance(link, Veth))


def silent_ends(lab: Lab) -> frozenset[str]:
    """The nodes that do not answer who asks where a cable leads: bridges, and those in the machine's own network."""
    return frozenset(node.name for node in lab.nodes if node.kind == BRIDGE or node.on_machine)


def end_differences(link: Veth, silent: Collection[str], facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Ends of a cable that are missing, down or lead elsewhere, of nodes that show their interfaces; the `silent`
    ones do not answer who asks where a cable leads."""
    for end, far in ((link.a, link.b), (link.b, link.a)):
        if facts[end.node].links:
            yield from _end_differences(end, far, facts[end.node], is_heard=not {end.node, far.node} & set(silent))


def _end_differences(end: End, far: End, seen: NodeFacts, *, is_heard: bool) -> Iterator[Difference]:
    subject = f"link {end.interface}"
    link = seen.links.get(end.interface)
    if link is None:
        there = ", ".join(sorted(seen.links))
        yield Difference(end.node, subject, What.LINK_MISSING, f"a cable to {far}", f"only {there}")
    elif not (link.up and link.carrier):
        state = "up, without carrier" if link.up else "down"
        yield Difference(end.node, subject, What.LINK_DOWN, "up, with carrier", state)
    elif is_heard and seen.cables.get(end.interface) != Endpoint(far.node, far.interface):
        found = seen.cables.get(end.interface, "nothing that answers")
        yield Difference(end.node, subject, What.CABLE, f"{end.interface} leads to {far}", f"it leads to {found}")


def session_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Sessions that are configured and not Established. Those shut down on purpose are no difference."""
    for node in lab.nodes:
        for session in facts[node.name].sessions.values():
            if not session.established and not session.admin_down:
                why = f" (last reset: {session.last_reset})" if session.last_reset else ""
                found = f"{session.state}{why}"
                subject = f"session {session.neighbor}"
                yield Difference(node.name, subject, What.SESSION_DOWN, ESTABLISHED, found)


def address_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Global addresses that two interfaces of the lab have; a shared network is one.

    Anycast is meant so: it stands on `lo` beside an address of the node's own. A node whose every loopback of a family
    is another's as well has none by which it can be told from that other.
    """
    management = lab.management()
    owners: dict[str, list[Endpoint]] = {}
    for node in (node for node in lab.nodes if not node.network_mode.startswith("container:")):
        for interface, cidr in facts[node.name].addresses:
            address = ip_interface(cidr).ip
            if not (address.is_link_local or address.is_loopback or interface == management[node.name]):
                owners.setdefault(str(address), []).append(Endpoint(node.name, interface))
    own = {(at[0].node, ":" in text) for text, at in owners.items() if len(at) == 1 and at[0].interface == "lo"}
    for text, at in owners.items():
        if all(end.interface == "lo" and (end.node, ":" in text) in own for end in at):
            continue
        for end in at[1:]:
            found = f"on {end.interface}, and on {at[0]}"
            yield Difference(end.node, f"address {text}", What.ADDRESS_TWICE, "on one interface of the lab", found)


def neighbour_differences(lab: Lab, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Neighbours on fabric links that the kernel tried to reach and could not."""
    management = lab.management()
    for node in lab.nodes:
        names = facts[node.name].names
        for entry in facts[node.name].neighbours:
            interface = names.get(entry.index, "")
            if entry.state == DEAD_NEIGHBOUR and interface not in ("", "lo", management[node.name]):
                subject = f"neighbour {entry.address} on {interface}"
                yield Difference(node.name, subject, What.NEIGHBOUR, "reachable", entry.state)


SUBJECTS: tuple[Subject, ...] = (
    node_differences,
    cable_differences,
    session_differences,
    address_differences,
    neighbour_differences,
)
