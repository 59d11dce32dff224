"""What holds for the plan of every regular fabric."""

from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from itertools import combinations

from fabric_files import files, made
from hypothesis import given, settings

from topologies.model import Role
from topologies.plan import Plan


def taken(wanted: Plan) -> Iterator[str]:
    """Every address of a plan."""
    for node in wanted.nodes.values():
        yield from node.loopbacks
        for interface in node.interfaces:
            yield from interface.addresses


@settings(max_examples=40, deadline=None)
@given(files())
def test_no_two_things_share_a_number(file: dict[str, object]) -> None:
    """Addresses, MACs, router ids, leaf ASNs and announced prefixes are all different and apart."""
    _, wanted = made(file)
    nodes = wanted.nodes.values()

    addresses = [ip_interface(address).ip for address in taken(wanted)]
    macs = [interface.mac for node in nodes for interface in node.interfaces]
    own = [node.asn for node in nodes if node.role in (Role.LEAF, Role.HOST) and node.asn]
    ids = [node.router_id for node in nodes if node.router_id]
    for values in (addresses, macs, own, ids):
        assert len(set(values)) == len(values)
    prefixes = [ip_network(prefix) for node in nodes for prefix in node.announces]
    assert not [
        pair for pair in combinations(prefixes, 2) if pair[0].version == pair[1].version and pair[0].overlaps(pair[1])
    ]


@settings(max_examples=40, deadline=None)
@given(files())
def test_both_ends_agree(file: dict[str, object]) -> None:
    """What one end plans of the other, the other plans of itself: addresses, MACs, MTU, ASNs, families, BFD."""
    _, wanted = made(file)

    for node in wanted.nodes.values():
        for interface in node.interfaces:
            peer = wanted.nodes[interface.peer.node]
            far = next(i for i in peer.interfaces if i.name == interface.peer.interface)
            assert (far.peer.node, far.peer.interface) == (node.name, interface.name)
            assert (far.mac, far.addresses, far.mtu) == (interface.peer_mac, interface.peer_addresses, interface.mtu)
            near = [ip_interface(address).network for address in interface.addresses]
            assert near == [ip_interface(address).network for address in far.addresses]
        for session in node.sessions:
            peer = wanted.nodes[session.peer]
            back = [s for s in peer.sessions if s.peer == node.name and s.families == session.families]
            assert peer.asn == session.peer_asn
            assert peer.role is session.peer_role
            assert len(back) == 1
            assert (back[0].bfd, back[0].extended_nexthop) == (session.bfd, session.extended_nexthop)
            assert not (back[0].passive and session.passive)


@settings(max_examples=40, deadline=None)
@given(files())
def test_every_route_is_announced_by_its_origin(file: dict[str, object]) -> None:
    """No prefix out of nowhere, none twice, none of one's own; and leaves reach all that other leaves announce."""
    _, wanted = made(file)

    for node in wanted.nodes.values():
        prefixes = [route.prefix for route in node.routes]
        assert len(set(prefixes)) == len(prefixes)
        assert not set(prefixes) & set(node.announces)
        assert all(route.prefix in wanted.nodes[route.origin].announces for route in node.routes)
        names = {interface.name for interface in node.interfaces}
        assert all(route.interfaces and route.interfaces <= names for route in node.routes)
    leaves = [node for node in wanted.nodes.values() if node.role is Role.LEAF]
    for one, other in combinations(leaves, 2):
        assert set(other.announces) <= {route.prefix for route in one.routes}


@settings(max_examples=40, deadline=None)
@given(files())
def test_leaves_use_every_spine(file: dict[str, object]) -> None:
    """Between two leaves the width is the number of spines above them, by the design's own closed form."""
    fabric, wanted = made(file)
    spines = file.get("spines", file.get("spines_per_pod"))

    for node in (fabric.by_name[name] for name in wanted.nodes):
        if node.role is Role.LEAF:
            for route in wanted.nodes[node.name].routes:
                if fabric.by_name[route.origin].role is Role.LEAF:
                    assert len(route.interfaces) == spines
        if node.role is Role.SPINE and node.plane:
            for route in wanted.nodes[node.name].routes:
                origin = fabric.by_name[route.origin]
                if origin.role is Role.LEAF:
                    assert len(route.interfaces) == (1 if origin.pod == node.pod else file["superspines_per_plane"])


@settings(max_examples=40, deadline=None)
@given(files())
def test_growing_moves_nothing(file: dict[str, object]) -> None:
    """With one more group of leaves, or one more pod, all that was planned stays; only additions appear."""
    grown = dict(file)
    key = {"leaf-spine": "leaves", "three-tier": "leaves_per_pod", "rail": "pods"}[str(file["design"])]
    grown[key] = int(str(file[key])) + int(str(file.get("nics", 1)))

    before, after = made(file)[1], made(grown)[1]
    for name, old in before.nodes.items():
        new = after.nodes[name]
        assert (new.asn, new.router_id, new.loopbacks, new.announces, new.hash_seed) == (
            old.asn,
            old.router_id,
            old.loopbacks,
            old.announces,
            old.hash_seed,
        )
        assert new.interfaces[: len(old.interfaces)] == old.interfaces
        assert new.sessions[: len(old.sessions)] == old.sessions
        assert (new.static_routes, new.source_rules) == (old.static_routes, old.source_rules)
        assert {route.prefix for route in old.routes} <= {route.prefix for route in new.routes}
        if old.role in (Role.LEAF, Role.HOST):
            assert (new.interfaces, new.sessions) == (old.interfaces, old.sessions)
            assert set(old.routes) <= set(new.routes)


@settings(max_examples=20, deadline=None)
@given(files())
def test_equal_fabrics_give_equal_plans(file: dict[str, object]) -> None:
    """Nothing but the file decides."""
    assert made(file) == made(file)


@settings(max_examples=40, deadline=None)
@given(files())
def test_macs_are_local_and_seeds_are_set(file: dict[str, object]) -> None:
    """MACs are unicast and locally administered; every seed is a non-zero number of 32 bits."""
    _, wanted = made(file)

    for node in wanted.nodes.values():
        assert 0 < node.hash_seed < 1 << 32
        assert all(int(interface.mac[:2], 16) & 3 == 2 for interface in node.interfaces)
    assert len({node.hash_seed for node in wanted.nodes.values()}) == len(wanted.nodes)
