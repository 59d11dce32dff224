"""Plan against facts: everything in which a live fabric differs from what was planned. Pure.

One function per subject, each `(node plan, facts) -> differences`; `SUBJECTS` is the list that `differences` walks.
What only shows between nodes (seeds that are alike) has functions of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from telemetry.compare_routes import route_differences
from telemetry.compare_services import service_differences
from telemetry.model import ESTABLISHED, Difference, NodeFacts, Session, What
from topologies.model import Role
from topologies.plan import NodePlan, Plan, PlannedInterface, PlannedSession

SPEAKERS = {"bgpd", "gobgpd"}
LAYER4 = "1"  # fib_multipath_hash_policy: over addresses and ports
USELESS = ("failed", "incomplete", "none", "noarp")  # neighbour states whose MAC says nothing

Subject = Callable[[NodePlan, NodeFacts], Iterable[Difference]]


def differences(plan: Plan, facts: Mapping[str, NodeFacts]) -> tuple[Difference, ...]:
    """All that differs, in the plan's order of nodes. Nodes without facts are left out: nobody asked them."""
    owners = {node.router_id: node.name for node in plan.nodes.values() if node.router_id}
    found: list[Difference] = []
    for node in plan.nodes.values():
        if node.name not in facts:
            continue
        seen = facts[node.name]
        if dead := dict(seen.lacks).get("node"):
            found.append(Difference(node.name, "node", What.NODE_DEAD, "running", dead))
            continue
        for subject in SUBJECTS:
            found += subject(node, seen)
        found += session_differences(node, seen, owners)
    return (*found, *service_differences(plan, facts), *polarised(plan, facts))


def daemon_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """A node whose processes are all stopped; daemons that were declared and do not answer."""
    if seen.paused:
        yield Difference(node.name, "node", What.NODE_PAUSED, "running", "paused")
    for daemon, why in seen.lacks:
        yield Difference(node.name, daemon, What.DAEMON_SILENT, "an answer", why)


def link_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """Links that are missing, down, of another MTU or MAC, or lead elsewhere."""
    for planned in node.interfaces:
        link = seen.links.get(planned.name)
        subject = f"link {planned.name}"
        if link is None:
            there = ", ".join(sorted(seen.links)) or "none"
            yield Difference(node.name, subject, What.LINK_MISSING, f"a cable to {planned.peer}", f"only {there}")
            continue
        if not (link.up and link.carrier):
            state = "up, without carrier" if link.up else "down"
            yield Difference(node.name, subject, What.LINK_DOWN, "up, with carrier", state)
        else:
            yield from _cable(node.name, planned, seen)
        if link.mtu != planned.mtu:
            yield Difference(node.name, subject, What.MTU, str(planned.mtu), str(link.mtu))
        if planned.mac and link.mac != planned.mac:
            yield Difference(node.name, subject, What.MAC, planned.mac, link.mac)


def _cable(node: str, planned: PlannedInterface, seen: NodeFacts) -> Iterator[Difference]:
    far = seen.cables.get(planned.name)
    subject = f"link {planned.name}"
    if far is None:
        found = "nothing was heard from there"
        yield Difference(node, subject, What.CABLE_SILENT, f"{planned.name} leads to {planned.peer}", found)
    elif far != planned.peer:
        found = f"{planned.name} leads to {far}"
        yield Difference(node, subject, What.CABLE, f"{planned.name} leads to {planned.peer}", found)


def address_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """Planned addresses that are not there."""
    there = set(seen.addresses)
    wanted = [(each.name, address) for each in node.interfaces for address in each.addresses]
    for interface, address in (*wanted, *(("lo", loopback) for loopback in node.loopbacks)):
        if (interface, address) not in there:
            found = ", ".join(cidr for name, cidr in seen.addresses if name == interface) or "none"
            yield Difference(node.name, f"address {address}", What.ADDRESS_MISSING, f"on {interface}", found)


def neighbour_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """Neighbour entries that send a planned peer's packets to another MAC."""
    names = seen.names
    entries = {(names.get(each.index, ""), each.address): each for each in seen.neighbours}
    for planned in node.interfaces:
        for cidr in planned.peer_addresses:
            address = cidr.partition("/")[0]
            entry = entries.get((planned.name, address))
            if entry is None or entry.state in USELESS or not planned.peer_mac or entry.mac == planned.peer_mac:
                continue
            yield Difference(
                node.name, f"neighbour {address} on {planned.name}", What.NEIGHBOUR, planned.peer_mac, entry.mac
            )


def setting_differences(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    """Forwarding off on a switch; a hash that does not look at ports where there is a choice of paths."""
    families = {"::" if ":" in address else "." for address in node.probe_addresses}
    wanted: dict[str, tuple[str, What]] = {}
    if node.role is not Role.HOST:
        wanted |= {"net.ipv4.ip_forward": ("1", What.FORWARDING)}
        wanted |= {"net.ipv6.conf.all.forwarding": ("1", What.FORWARDING)} if "::" in families else {}
    wanted["net.ipv4.fib_multipath_hash_policy"] = (LAYER4, What.HASH_POLICY)
    if "::" in families:
        wanted["net.ipv6.fib_multipath_hash_policy"] = (LAYER4, What.HASH_POLICY)
    for key, (value, what) in wanted.items():
        found = seen.sysctls.get(key, "no such setting")
        if found != value:
            yield Difference(node.name, key, what, value, found)


def session_differences(node: NodePlan, seen: NodeFacts, owners: Mapping[str, str]) -> Iterator[Difference]:
    """Sessions that are missing, down, with a wrong peer or ASN, without a capability or BFD, or unplanned."""
    if seen.paused or SPEAKERS & dict(seen.lacks).keys():
        return
    planned = {session.neighbor: session for session in node.sessions}
    for neighbor, wanted in planned.items():
        found = seen.sessions.get(neighbor)
        subject = _subject(wanted)
        if found is None:
            there = ", ".join(sorted(seen.sessions)) or "none"
            yield Difference(node.name, subject, What.SESSION_MISSING, "configured", f"only {there}")
            continue
        if found.peer_asn != wanted.peer_asn:
            # FRR shows 0 for an unnumbered neighbour until its peer was heard, and then what is configured.
            yield Difference(node.name, subject, What.ASN, f"AS {wanted.peer_asn}", f"AS {found.peer_asn}")
        if not found.established:
            yield Difference(node.name, subject, What.SESSION_DOWN, ESTABLISHED, _state(found))
            continue
        yield from _negotiated(node.name, wanted, found)
        peer = owners.get(found.router_id, found.hostname or "an unknown router")
        if peer != wanted.peer:
            yield Difference(node.name, subject, What.PEER, wanted.peer, f"{peer} ({found.router_id})")
    for neighbor in seen.sessions.keys() - planned.keys():
        found = seen.sessions[neighbor]
        state = f"{found.state}, AS {found.peer_asn}"
        yield Difference(node.name, f"session {neighbor}", What.SESSION_UNPLANNED, "none", state)
    yield from _bfd(node, seen)


def _subject(session: PlannedSession) -> str:
    return f"session {session.neighbor} to {session.peer}"


def _state(session: Session) -> str:
    if session.admin_down:
        return f"{session.state} (shut down by configuration)"
    return f"{session.state} (last reset: {session.last_reset})" if session.last_reset else session.state


def _negotiated(node: str, wanted: PlannedSession, found: Session) -> Iterator[Difference]:
    """Capabilities that the plan needs and the two sides did not agree on, and families that it does not want."""
    agreed = {"4-byte ASN": found.four_byte_asn, "extended next hop": found.extended_nexthop}
    agreed |= {family: True for family in found.families}
    needs = ["4-byte ASN", *wanted.families, *(["extended next hop"] if wanted.extended_nexthop else [])]
    missing = [need for need in needs if not agreed.get(need)]
    surplus = [family for family in found.families if family not in wanted.families]
    if missing or surplus:
        words = ", ".join(name for name, is_agreed in agreed.items() if is_agreed) or "none"
        yield Difference(node, _subject(wanted), What.CAPABILITY, ", ".join(needs), words)


def _bfd(node: NodePlan, seen: NodeFacts) -> Iterator[Difference]:
    if "bfdd" in dict(seen.lacks):
        return
    status = {name: peer.status for peer in seen.bfd for name in (peer.peer, peer.interface) if name}
    for session in node.sessions:
        found = status.get(session.address or session.neighbor, "no BFD session")
        if session.bfd and found != "up":
            yield Difference(node.name, f"BFD to {session.peer} ({session.neighbor})", What.BFD_DOWN, "up", found)


def polarised(plan: Plan, facts: Mapping[str, NodeFacts]) -> Iterator[Difference]:
    """Switches that hash with another switch's seed, or with none: the tiers then choose alike (no spread).

    Where the plan itself has them share one, they are polarised on purpose.
    """
    first: dict[str, str] = {}
    if plan.polarised:
        return
    for node in plan.nodes.values():
        if node.role is Role.HOST or node.name not in facts:
            continue
        seed = facts[node.name].sysctls.get("net.ipv4.fib_multipath_hash_seed")
        if seed is None:
            continue
        subject = "net.ipv4.fib_multipath_hash_seed"
        if seed in first or seed == "0":
            found = f"{seed}, the same as on {first[seed]}" if seed in first else "0: the machine's own, as everywhere"
            yield Difference(node.name, subject, What.POLARISED, f"a seed of its own ({node.hash_seed})", found)
        first.setdefault(seed, node.name)


SUBJECTS: tuple[Subject, ...] = (
    daemon_differences,
    link_differences,
    address_differences,
    neighbour_differences,
    setting_differences,
    route_differences,
)
