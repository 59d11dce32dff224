"""The files that containerlab leaves beside a lab, and the JSON that it answers with, in its own shapes (0.79).

Everything is made from values: the lab, its nodes as deployed, and how each node stands.
"""

import json
import os.path
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_interface
from typing import Any

from msgspec import Struct

from topologies.files.clab.links import variables
from topologies.lab import End, Lab, LabLink, LabNode, Mgmt, Veth
from topologies.runtime.model import Life, NodeRecord

CSV = "lab_name,labPath,absLabPath,name,container_id,image,kind,state,status,ipv4_address,ipv6_address,owner"
STATES = {Life.RUNNING: "running", Life.PAUSED: "paused", Life.DEAD: "exited"}
OUTSIDE = {"HostLink": "host", "MgmtLink": "mgmt-net", "Macvlan": "macvlan", "Vxlan": "vxlan", "Dummy": "dummy"}


class Shown(Struct, frozen=True, kw_only=True):
    """A deployed lab as shown: what is recorded of its nodes, how they stand, and how long they have been up."""

    lab: Lab
    nodes: Sequence[NodeRecord]
    lives: Mapping[str, Life]
    lab_dir: str
    owner: str
    uptime: float  # seconds
    health: Mapping[str, str] | None = None  # node -> healthy, unhealthy or starting

    @property
    def pairs(self) -> list[tuple[LabNode, NodeRecord]]:
        """Each node as wanted and as deployed, by name; one that never started has an empty record."""
        nodes = sorted(self.lab.nodes, key=lambda node: node.name)
        records = {node.name: NodeRecord(node.name, self.lab.long_name(node.name)) for node in nodes}
        records |= {record.name: record for record in self.nodes}
        return [
            (node, records.get(node.name) or NodeRecord(node.name, self.lab.long_name(node.name))) for node in nodes
        ]


def container_labels(shown: Shown, node: LabNode) -> dict[str, str]:
    """A node's own labels and those that containerlab puts on every container."""
    own = labels(shown.lab, node, lab_dir=shown.lab_dir, owner=shown.owner)
    return own | {"clab-mgmt-net-bridge": shown.lab.mgmt.bridge}


def labels(lab: Lab, node: LabNode, *, lab_dir: str, owner: str) -> dict[str, str]:
    """The labels that a node knows of itself as variables: all but that of the bridge, which comes after it."""
    return dict(node.labels) | {
        "containerlab": lab.name,
        "clab-node-name": node.name,
        "clab-node-longname": lab.long_name(node.name),
        "clab-node-kind": node.kind,
        "clab-node-type": "",
        "clab-node-group": node.group,
        "clab-node-lab-dir": f"{lab_dir}/{node.name}",
        "clab-topo-file": lab.file,
        "clab-owner": owner,
    }


def inspect(labs: Iterable[Shown], *, relative_to: str) -> dict[str, list[dict[str, Any]]]:
    """`inspect --format json`: containers by lab. `relative_to` is the folder that labPath is relative to."""
    return {shown.lab.name: [container(shown, *pair, relative_to) for pair in containers(shown)] for shown in labs}


def containers(shown: Shown) -> list[tuple[LabNode, NodeRecord]]:
    """The nodes that are containers to containerlab; bridges and the machine itself are not."""
    return [pair for pair in shown.pairs if pair[0].has_processes]


def container(shown: Shown, node: LabNode, record: NodeRecord, relative_to: str) -> dict[str, Any]:
    """One container of `inspect`; group, ports and owner are left out where there are none."""
    life = shown.lives.get(node.name, Life.DEAD)
    lab_file = shown.lab.file
    row = {
        "lab_name": shown.lab.name,
        "labPath": os.path.relpath(lab_file, relative_to) if lab_file else "",
        "absLabPath": lab_file,
        "name": record.long_name,
        "container_id": record.container[:12],
        "image": node.image,
        "kind": node.kind,
        "group": node.group,
        "state": STATES[life],
        "status": status(shown, node.name, life),
        "ipv4_address": with_length(record.mgmt_ipv4, shown.lab.mgmt.ipv4_subnet) or "N/A",
        "ipv6_address": with_length(record.mgmt_ipv6, shown.lab.mgmt.ipv6_subnet) or "N/A",
        "ports": port_bindings(node),
        "owner": shown.owner,
    }
    return {key: value for key, value in row.items() if value or key not in {"group", "ports", "owner"}}


def status(shown: Shown, node: str, life: Life) -> str:
    """How a node stands, in Docker's words, with its health where it is asked for."""
    if life is Life.DEAD:
        return "Exited"
    words = f"Up {duration(shown.uptime)}{' (Paused)' if life is Life.PAUSED else ''}"
    health = (shown.health or {}).get(node)
    return f"{words} ({health})" if health else words


def duration(seconds: float) -> str:
    """A time as Docker says it: the largest unit only."""
    for name, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{int(seconds)} second{'' if int(seconds) == 1 else 's'}"


def with_length(address: str, subnet: str) -> str:
    """An address with its prefix length, that of the subnet where it has none of its own; "" stays empty."""
    if not address or "/" in address or "/" not in subnet:
        return address
    return f"{address}/{subnet.partition('/')[2]}"


def port_bindings(node: LabNode) -> list[dict[str, Any]]:
    """The published ports of a node."""
    return [
        {"host_ip": port.host_ip, "host_port": port.host_port, "port": port.node_port, "protocol": port.protocol}
        for port in node.ports
    ]


def inspect_csv(labs: Iterable[Shown], *, relative_to: str) -> str:
    """`inspect --format csv`."""
    keys = CSV.split(",")
    rows = [row for containers in inspect(labs, relative_to=relative_to).values() for row in containers]
    return "\n".join([CSV, *(",".join(str(row.get(key, "")) for key in keys) for row in rows)]) + "\n"


class Interface(Struct, frozen=True):
    """An interface of a running node as `ip -json link` sees it."""

    name: str
    mac: str
    index: int
    mtu: int
    type: str
    state: str
    alias: str = ""


def interfaces(nodes: Mapping[str, Iterable[Interface]]) -> list[dict[str, Any]]:
    """`inspect interfaces --format json`; nodes by their long names."""
    return [{"name": name, "interfaces": [interface_row(found) for found in links]} for name, links in nodes.items()]


def interface_row(found: Interface) -> dict[str, Any]:
    """One interface of a node."""
    return {
        "name": found.name,
        "alias": found.alias,
        "mac": found.mac,
        "ifindex": found.index,
        "mtu": found.mtu,
        "type": found.type,
        "state": found.state,
    }


def graph(shown: Shown) -> dict[str, list[dict[str, Any]]]:
    """`graph` as JSON: nodes as deployed, and links by their ends."""
    nodes = [
        {
            "name": node.name,
            "image": node.image,
            "kind": node.kind,
            "group": node.group,
            "state": f"{STATES[life]}/{status(shown, node.name, life)}",
            "ipv4_address": record.mgmt_ipv4.partition("/")[0],
            "ipv6_address": record.mgmt_ipv6.partition("/")[0],
        }
        for node, record in shown.pairs
        for life in (shown.lives.get(node.name, Life.DEAD),)
    ]
    pairs = [(link.a, link.b) for link in shown.lab.links if isinstance(link, Veth)]
    links = [
        {"source": a.node, "source_endpoint": a.interface, "target": b.node, "target_endpoint": b.interface}
        for a, b in pairs
    ]
    return {"nodes": nodes, "links": links}


def topology_data(shown: Shown) -> str:
    """topology-data.json, with links in the shape that containerlab writes since 0.71."""
    lab = shown.lab
    data = {
        "name": lab.name,
        "type": "clab",
        "clab": {"config": {"prefix": lab.prefix, "mgmt": mgmt(lab.mgmt)}},
        "ssh-pub-keys": [],
        "nodes": {node.name: node_data(shown, n, node, record) for n, (node, record) in enumerate(shown.pairs)},
        "links": [link_data(link) for link in lab.links],
    }
    return json.dumps(data, indent=2) + "\n"


def mgmt(network: Mgmt) -> dict[str, Any]:
    """The management network; empty keys are left out."""
    keys = {
        "network": network.network,
        "bridge": network.bridge,
        "ipv4-subnet": network.ipv4_subnet,
        "ipv4-gw": network.ipv4_gw,
        "ipv6-subnet": network.ipv6_subnet,
        "ipv6-gw": network.ipv6_gw,
        "mtu": network.mtu,
    }
    return {key: value for key, value in keys.items() if value} | {"external-access": False}


def node_data(shown: Shown, index: int, node: LabNode, record: NodeRecord) -> dict[str, Any]:
    """One node of topology-data.json."""
    ipv4, length4 = split_address(record.mgmt_ipv4, shown.lab.mgmt.ipv4_subnet)
    ipv6, length6 = split_address(record.mgmt_ipv6, shown.lab.mgmt.ipv6_subnet)
    return {
        "index": str(index),
        "shortname": node.name,
        "longname": record.long_name,
        "fqdn": f"{node.name}.{shown.lab.name}.io",
        "group": node.group,
        "labdir": f"{shown.lab_dir}/{node.name}",
        "kind": node.kind,
        "image": node.image,
        "mgmt-net": "",
        "mgmt-intf": "",
        "mgmt-ipv4-address": ipv4,
        "mgmt-ipv4-prefix-length": length4,
        "mgmt-ipv6-address": ipv6,
        "mgmt-ipv6-prefix-length": length6,
        "mac-address": "",
        "labels": dict(sorted(container_labels(shown, node).items())),
        "port-bindings": [
            {"host-ip": port.host_ip, "host-port": port.host_port, "port": port.node_port, "protocol": port.protocol}
            for port in node.ports
        ],
    }


def split_address(address: str, subnet: str) -> tuple[str, int]:
    """An address and its prefix length; "" and 0 where there is none."""
    if not address:
        return "", 0
    found = ip_interface(with_length(address, subnet))
    return str(found.ip), found.network.prefixlen


def link_data(link: LabLink) -> dict[str, Any]:
    """One link of topology-data.json."""
    if isinstance(link, Veth):
        ends = {"a": end_data(link.a, "z"), "z": end_data(link.b, "a")}
    elif kind := getattr(link, "host_interface", ""):
        outside = End(OUTSIDE[type(link).__name__], kind)
        ends = {"a": end_data(link.end, "z"), "z": end_data(outside, "a")}
    else:
        ends = {"a": end_data(link.end, "dummy")}
    ours = variables(link) if isinstance(link, Veth) else {}
    return {"endpoints": ends} | ({"vars": ours} if ours else {})


def end_data(end: End, peer: str) -> dict[str, str]:
    """One end of a link."""
    row = {"node": end.node, "interface": end.interface, "mac": end.mac}
    for address in reversed(end.addresses):
        row["ipv6" if ":" in address else "ipv4"] = address
    return row | {"peer": peer}
