"""Fabric and plan become a lab: for each node all that a runtime must set, write and start."""

from collections.abc import Mapping
from ipaddress import IPv6Address

from msgspec.structs import replace

from topologies.balancing.model import BALANCE_LABEL, Balance, labelled
from topologies.impairments.model import Impairment
from topologies.lab import End, Lab, LabNode, Neighbour, Route, Rule, Veth
from topologies.model import TIERS, Endpoint, Fabric, Link, Node, Role
from topologies.plan import NodePlan, Plan, PlannedInterface
from topologies.render.policy import router
from topologies.render.routing import routing
from topologies.workloads.filling import tasks
from topologies.workloads.model import Task


def lab(fabric: Fabric, plan: Plan, *, file: str = "") -> Lab:
    """The lab of a fabric. Nodes come in boot order, the highest tier first, so that listeners are there when
    the tier below connects."""
    nodes = sorted(fabric.nodes, key=lambda node: -TIERS.index(node.role))
    programs = tasks(fabric, plan)
    return Lab(
        name=fabric.name,
        nodes=tuple(lab_node(fabric, plan, node, programs.get(node.name, ())) for node in nodes),
        links=tuple(veth(plan, link, dict(fabric.impairments)) for link in fabric.links),
        file=file,
    )


def lab_node(fabric: Fabric, plan: Plan, node: Node, programs: tuple[Task, ...] = ()) -> LabNode:
    """One switch or host with everything that closlab renders for it, and the programs of workloads on it."""
    planned = plan.nodes[node.name]
    wanted = router(fabric, plan, planned)
    suite = routing("gobgp" if planned.announces_services else "frr")
    return LabNode(
        name=node.name,
        image=fabric.image,
        group=node.role.value,
        role=node.role,
        hostname=node.name,
        labels=labels(fabric, node, planned),
        sysctls=sysctls(planned),
        files=suite.files(wanted) if wanted else (),
        addresses=tuple(("lo", address) for address in planned.loopbacks),
        routes=tuple(Route(route.prefix, route.via, route.table) for route in planned.static_routes),
        rules=tuple(Rule(rule.source, rule.table) for rule in planned.source_rules),
        neighbours=neighbours(planned) if plan.pinned_neighbours else (),
        daemons=suite.daemons(wanted) if wanted else (),
        tasks=programs,
        balance=Balance() if node.role is Role.HOST else fabric.underlay.balance,
    )


def labels(fabric: Fabric, node: Node, planned: NodePlan) -> tuple[tuple[str, str], ...]:
    """What other tools read off a node: drawing order, inventory groups, and closlab's own facts."""
    tiers = [role for role in reversed(TIERS) if any(other.role is role for other in fabric.nodes)]
    facts = {
        "closlab-role": node.role.value,
        "closlab-pod": str(node.pod) if node.pod else "",
        "closlab-rail": str(node.rail) if node.rail else "",
        "closlab-plane": str(node.plane) if node.plane else "",
        "closlab-asn": str(planned.asn) if planned.asn is not None else "",
        BALANCE_LABEL: "" if node.role is Role.HOST else labelled(fabric.underlay.balance),
        "closlab-address": (planned.probe_addresses or ("",))[0],
        "graph-level": str(tiers.index(node.role) + 1),
        "ansible-group": node.role.value,
        "nornir-group": node.role.value,
    }
    return tuple((key, value) for key, value in facts.items() if value)


def sysctls(planned: NodePlan) -> tuple[tuple[str, str], ...]:
    """Kernel settings of a node, in the order in which they are set, before any interface but lo is there."""
    switch = planned.role is not Role.HOST
    both: dict[str, str] = {
        # Docker turns IPv6 off in containers; unnumbered sessions and IPv6 fabrics need it.
        "net.ipv6.conf.{}.disable_ipv6": "0",
        # Addresses are ours and unique: waiting a second for duplicates would only delay the sessions.
        "net.ipv6.conf.{}.accept_dad": "0",
        "net.ipv6.conf.{}.dad_transmits": "0",
        "net.ipv6.conf.{}.router_solicitations": "0",
        "net.ipv6.conf.{}.accept_ra": "0",
        # Without it the kernel drops global addresses when a link goes down, and they do not come back.
        "net.ipv6.conf.{}.keep_addr_on_down": "1",
        "net.ipv6.conf.{}.ignore_routes_with_linkdown": "1",
        "net.ipv4.conf.{}.ignore_routes_with_linkdown": "1",
        # Packets may come in over another link than the one that leads back (ECMP). On an interface without an IPv4
        # address, as unnumbered ones are, the loose filter is as strict as the strict one: so none for who routes.
        "net.ipv4.conf.{}.rp_filter": "0" if planned.asn else "2",
    }
    settings = {key.format(scope): value for key, value in both.items() for scope in ("all", "default")}
    settings |= {
        "net.ipv4.ip_forward": "1" if switch else "0",
        "net.ipv6.conf.all.forwarding": "1" if switch else "0",
        # Hash over ports, not only addresses; the seed differs per switch, else all tiers choose alike.
        "net.ipv4.fib_multipath_hash_policy": "1",
        "net.ipv6.fib_multipath_hash_policy": "1",
        "net.ipv4.fib_multipath_hash_seed": str(planned.hash_seed),
        "net.ipv4.ping_group_range": "0 0",
    }
    return tuple(settings.items())


def veth(plan: Plan, link: Link, impairments: Mapping[Endpoint, Impairment]) -> Veth:
    """A cable with the addresses of its ends, and what is done to packets that leave them."""
    a, b = (replace(end(plan, each), impaired=impairments.get(each)) for each in link.ends)
    return Veth(a=a, b=b, mtu=link.mtu, rate_mbps=link.rate_mbps)


def end(plan: Plan, endpoint: Endpoint) -> End:
    """One end of a cable as planned."""
    interface = next(i for i in plan.nodes[endpoint.node].interfaces if i.name == endpoint.interface)
    return End(endpoint.node, endpoint.interface, interface.mac, interface.addresses)


def neighbours(planned: NodePlan) -> tuple[Neighbour, ...]:
    """Permanent entries for every far end: its addresses, and the link-local one that IPv6 next hops use."""
    return tuple(
        Neighbour(interface.name, address, interface.peer_mac)
        for interface in planned.interfaces
        for address in (*bare(interface), link_local(interface.peer_mac))
    )


def bare(interface: PlannedInterface) -> tuple[str, ...]:
    """The far end's addresses without their lengths."""
    return tuple(address.partition("/")[0] for address in interface.peer_addresses)


def link_local(mac: str) -> str:
    """The link-local address that the kernel makes from a MAC (RFC 4291 appendix A: EUI-64, universal bit flipped)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]))
    return str(IPv6Address(b"\xfe\x80" + bytes(6) + identifier))
