"""A fabric as containerlab's users write one: FRR files bound into nodes, addresses and FRR's start by exec. Pure."""

import yaml

from topologies.plan import NodePlan, Plan

DAEMONS = "zebra=yes\nbgpd=yes\nstaticd=yes\nvtysh_enable=yes\n" + "".join(
    f'{name}_options="-A 127.0.0.1"\n' for name in ("zebra", "bgpd", "staticd")
)
SETTINGS = {"net.ipv4.ip_forward": 1, "net.ipv4.fib_multipath_hash_policy": 1}
CAPABILITIES = ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "NET_BIND_SERVICE"]


def files(plan: Plan, image: str) -> dict[str, str]:
    """All files by relative path; the topology is `lab.clab.yml`."""
    nodes = {node.name: {"exec": _exec(node)} for node in plan.nodes.values()}
    ends = {
        tuple(sorted((f"{node.name}:{port.name}", str(port.peer))))
        for node in plan.nodes.values()
        for port in node.interfaces
    }
    linux = {
        "image": image,
        "cmd": "sleep infinity",
        "sysctls": SETTINGS,
        "privileged": False,
        "cap-add": CAPABILITIES,
        "binds": ["daemons:/etc/frr/daemons:ro", "__clabNodeName__.conf:/etc/frr/frr.conf:ro"],
    }
    topology = {
        "name": plan.fabric,
        "mgmt": {"network": plan.fabric, "ipv4-subnet": "172.31.96.0/22", "external-access": False},
        "topology": {
            "kinds": {"linux": linux},
            "defaults": {"kind": "linux"},
            "nodes": nodes,
            "links": [{"endpoints": list(each)} for each in sorted(ends)],
        },
    }
    configs = {f"{node.name}.conf": _config(node) for node in plan.nodes.values()}
    return {"lab.clab.yml": yaml.safe_dump(topology, sort_keys=False), "daemons": DAEMONS, **configs}


def loopbacks(plan: Plan) -> dict[str, frozenset[str]]:
    """What each node's kernel must have a route to: the loopbacks of all others that BGP brings it."""
    return {name: frozenset(route.prefix for route in node.routes) for name, node in plan.nodes.items()}


def _exec(node: NodePlan) -> list[str]:
    lines = [f"ip addr add {address} dev lo" for address in node.loopbacks]
    lines += [f"ip addr add {a} dev {port.name}" for port in node.interfaces for a in port.addresses]
    return [*lines, "/usr/lib/frr/frrinit.sh start"]


def _config(node: NodePlan) -> str:
    peers = [
        line
        for session in node.sessions
        for line in (
            f" neighbor {session.address} remote-as {session.peer_asn}",
            f" neighbor {session.address} peer-group FABRIC",
        )
    ]
    return "\n".join(
        [
            "frr defaults datacenter",
            f"hostname {node.name}",
            "service integrated-vtysh-config",
            f"router bgp {node.asn}",
            f" bgp router-id {node.router_id}",
            " bgp bestpath as-path multipath-relax",
            " no bgp ebgp-requires-policy",
            " neighbor FABRIC peer-group",
            " neighbor FABRIC timers connect 1",
            *peers,
            " address-family ipv4 unicast",
            *(f"  network {address}" for address in node.loopbacks),
            "  neighbor FABRIC activate",
            "  maximum-paths 64",
            " exit-address-family",
            "exit",
            "",
        ]
    )
