"""Addresses of a lab's management network: the bridge has the first of each subnet, nodes follow in their order."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from msgspec import Struct

from topologies.errors import Mistake
from topologies.lab import Lab, LabNode

AUTO = {4: "172.20.20.0/24", 6: "3fff:172:20:20::/64"}
MOST_PORTS = 1023  # of one Linux bridge


class MgmtAddresses(Struct, frozen=True):
    """Who has what on the management network, in CIDR form. `used` is False where the lab has no such network."""

    used: bool
    bridge: tuple[str, ...] = ()
    nodes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def of(self, node: str) -> tuple[str, ...]:
        """The addresses of a node's eth0, () where it has none."""
        return dict(self.nodes).get(node, ())


def managed(node: LabNode) -> bool:
    """Whether a node has an eth0 in the management network."""
    return node.has_processes and not node.network_mode


def mgmt_addresses(lab: Lab) -> MgmtAddresses:
    """Give every managed node its addresses; raises Mistake where one is taken twice, outside, or none is left."""
    names = [node.name for node in lab.nodes if managed(node)]
    if not names and lab.mgmt.skip_when_unused:
        return MgmtAddresses(used=False)
    if len(names) > MOST_PORTS:
        raise Mistake(
            f"{len(names)} nodes on the management network, a bridge has {MOST_PORTS} ports; use network-mode: none"
        )
    families = [
        _family(
            lab, 4, lab.mgmt.ipv4_subnet, lab.mgmt.ipv4_gw, {n.name: n.mgmt_ipv4 for n in lab.nodes if n.mgmt_ipv4}
        ),
        _family(
            lab, 6, lab.mgmt.ipv6_subnet, lab.mgmt.ipv6_gw, {n.name: n.mgmt_ipv6 for n in lab.nodes if n.mgmt_ipv6}
        ),
    ]
    bridge = tuple(found[""] for found in families if found)
    return MgmtAddresses(
        True, bridge, tuple((name, tuple(found[name] for found in families if found)) for name in names)
    )


def _family(lab: Lab, version: int, subnet: str, gateway: str, fixed: dict[str, str]) -> dict[str, str]:
    """One address per managed node and one for the bridge (under ""), {} where the family is not used."""
    if not subnet:
        return {}
    network = ip_network(AUTO[version] if subnet == "auto" else subnet, strict=False)
    taken = {"": gateway or str(network[1])}
    for name, address in fixed.items():
        bare = address.partition("/")[0]
        if ip_address(bare) not in network:
            raise Mistake(f"node {name}: management address {address} is not in {network}")
        if bare in taken.values():
            raise Mistake(f"node {name}: management address {address} is taken")
        taken[name] = bare
    free = _free(network, set(taken.values()))
    for node in lab.nodes:
        if managed(node) and node.name not in taken:
            try:
                taken[node.name] = next(free)
            except StopIteration as error:
                raise Mistake(f"mgmt: {network} is too small for {len(lab.nodes)} nodes") from error
    return {name: f"{address}/{network.prefixlen}" for name, address in taken.items()}


def _free(network: IPv4Network | IPv6Network, taken: set[str]) -> Iterator[str]:
    last = network.num_addresses - (1 if network.version == 4 else 0)
    return (address for at in range(2, last) if (address := str(network[at])) not in taken)
