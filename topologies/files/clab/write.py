"""A lab becomes a topology file that containerlab deploys as it stands, and the files that its nodes bind.

What many nodes share stands once: in `kinds` what every node needs, in `groups` what all nodes of a group have. Nodes
are not privileged and have only the capabilities that routing needs; the management network leads nowhere.
"""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from topologies.files.clab import ports, setup
from topologies.files.clab.links import variables
from topologies.files.clab.schema import STAGES
from topologies.lab import (
    MANAGEMENT,
    Dummy,
    End,
    HostLink,
    Lab,
    LabLink,
    LabNode,
    Macvlan,
    Mgmt,
    MgmtLink,
    Veth,
    Vxlan,
)
from topologies.macs import mac_of

CAPABILITIES = ("NET_ADMIN", "NET_RAW", "SYS_ADMIN", "NET_BIND_SERVICE")
IDLE = "sleep infinity"  # what keeps a container alive
SHARED = ("labels", "sysctls", "env")  # what nodes of a group may have in common


class Written(Struct, frozen=True):
    """A topology file, and the files that it binds by their paths beside it."""

    text: str
    files: Mapping[str, str]


def write(lab: Lab, *, image: str, folder: str) -> Written:
    """A lab as a topology file. `image` is for nodes that name none; files of nodes go below `folder`."""
    ends: dict[str, list[End]] = {node.name: [] for node in lab.nodes}
    for link in lab.links:
        for end in (link.a, link.b) if isinstance(link, Veth) else (link.end,):
            ends[end.node].append(end)
    files: dict[str, str] = {}
    nodes: dict[str, dict[str, Any]] = {}
    for node in lab.nodes:
        nodes[node.name] = node_spec(node, image)
        if setup.needed(node, ends[node.name]):
            bare = not lab.mgmt.addressed and not node.network_mode
            own = setup.setup(node, ends[node.name], bare=mac_of(lab.name, node.name, MANAGEMENT) if bare else "")
            files |= {f"{folder}/{node.name}/{path}": text for path, text in own.items()}
            nodes[node.name]["binds"] = [f"{folder}/{node.name}:{setup.HERE}:ro", *nodes[node.name].get("binds", ())]
            nodes[node.name]["exec"] = [setup.COMMAND, *nodes[node.name].get("exec", ())]
    topology: dict[str, Any] = {"kinds": kinds(lab.nodes, image)}
    if groups := share(nodes.values()):
        topology["groups"] = groups
    topology["nodes"] = {name: spec or None for name, spec in nodes.items()}
    if lab.links:
        topology["links"] = [link_spec(link) for link in lab.links]
    return Written(dump({"name": lab.name, **prefix(lab), "mgmt": mgmt(lab.mgmt), "topology": topology}), files)


def prefix(lab: Lab) -> dict[str, str]:
    """The prefix of container names, where it is not containerlab's own."""
    return {} if lab.prefix == "clab" else {"prefix": lab.prefix}


def mgmt(network: Mgmt) -> dict[str, Any]:
    """The management network."""
    plain = Mgmt()
    spec: dict[str, Any] = {"network": network.network, "external-access": False}
    wanted = {
        "bridge": network.bridge,
        "ipv4-subnet": network.ipv4_subnet,
        "ipv6-subnet": network.ipv6_subnet,
        "ipv4-gw": network.ipv4_gw,
        "ipv6-gw": network.ipv6_gw,
        "mtu": network.mtu if network.mtu != plain.mtu else None,
        "skip-when-unused": network.skip_when_unused,
    }
    return spec | {key: value for key, value in wanted.items() if value}


def kinds(nodes: Iterable[LabNode], image: str) -> dict[str, Any]:
    """What all nodes of kind linux have in common."""
    linux = {
        "image": image,
        "cmd": IDLE,
        "privileged": False,
        "cap-add": list(CAPABILITIES),
        "restart-policy": "no",  # a node that was killed stays dead until it is started
    }
    return {"linux": linux} if any(node.kind in {"linux", "frr"} for node in nodes) else {}


def node_spec(node: LabNode, image: str) -> dict[str, Any]:
    """One node, without what its kind gives it."""
    wanted: dict[str, Any] = {
        "kind": "linux" if node.kind == "frr" else node.kind,  # the kind frr is newer than most installations
        "group": node.group,
        "image": node.image if node.image != image else "",
        "hostname": node.hostname if node.hostname != node.name else "",
        "entrypoint": shlex.join(node.entrypoint),
        "cmd": shlex.join(node.cmd),
        "user": node.user,
        "network-mode": node.network_mode,
        "mgmt-ipv4": node.mgmt_ipv4,
        "mgmt-ipv6": node.mgmt_ipv6,
        "startup-config": node.startup_config,
        "startup-delay": int(node.startup_delay),
        "labels": dict(node.labels),
        "sysctls": dict(node.sysctls),
        "env": dict(node.env),
        "cap-add": list(node.cap_add),
        "binds": [f"{bind.source}:{bind.target}{':ro' if bind.read_only else ''}" for bind in node.binds],
        "ports": [ports.written(port) for port in node.ports],
        "exec": list(node.exec),
        "stages": stages(node),
        "healthcheck": healthcheck(node),
        "dns": {
            key: list(value) for key, value in (("servers", node.dns_servers), ("search", node.dns_search)) if value
        },
    }
    return {key: value for key, value in wanted.items() if value}


def stages(node: LabNode) -> dict[str, Any]:
    """What ties a node's deployment to other nodes, and what runs in its stages."""
    found: dict[str, Any] = {}
    for stage in STAGES:
        waits = [{"node": wait.node, "stage": wait.until} for wait in node.waits if wait.stage == stage]
        commands = [
            {"command": command.command, "target": command.target, "phase": command.phase}
            for command in node.stage_execs
            if command.stage == stage
        ]
        parts = {"wait-for": waits, "exec": commands}
        if waits or commands:
            found[stage] = {key: value for key, value in parts.items() if value}
    return found


def healthcheck(node: LabNode) -> dict[str, Any]:
    """How a node is asked whether it is well, in whole seconds."""
    asked = node.healthcheck
    if asked is None:
        return {}
    return {
        "test": list(asked.test),
        "start-period": int(asked.start_period),
        "interval": int(asked.interval),
        "timeout": int(asked.timeout),
        "retries": asked.retries,
    }


def share(nodes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Take out of the nodes of each group what all of them have, and return it as the groups."""
    members: dict[str, list[dict[str, Any]]] = {}
    for spec in nodes:
        members.setdefault(spec.get("group", ""), []).append(spec)
    members.pop("", None)
    groups: dict[str, Any] = {}
    for name, specs in members.items():
        shared = {key: common([spec.get(key, {}) for spec in specs]) for key in SHARED} if len(specs) > 1 else {}
        groups[name] = {key: value for key, value in shared.items() if value}
        for spec in specs:
            leave(spec, shared)
    return {name: spec for name, spec in groups.items() if spec}


def leave(spec: dict[str, Any], shared: Mapping[str, Mapping[str, str]]) -> None:
    """Take out of a node what its group has."""
    for key, value in shared.items():
        rest = {item: text for item, text in spec.get(key, {}).items() if item not in value}
        if rest:
            spec[key] = rest
        else:
            spec.pop(key, None)


def common(mappings: list[dict[str, str]]) -> dict[str, str]:
    """The items that all mappings have."""
    return {key: value for key, value in mappings[0].items() if all(other.get(key) == value for other in mappings)}


class Flow(dict[str, Any]):
    """A mapping that is written on one line."""


def link_spec(link: LabLink) -> dict[str, Any]:
    """One link, written in full."""
    if isinstance(link, Veth):
        spec: dict[str, Any] = {"type": "veth", "mtu": link.mtu, "endpoints": [end_spec(link.a), end_spec(link.b)]}
        return spec | with_content(vars=Flow(variables(link)), labels=Flow(link.labels))
    spec = {"type": link_type(link), "mtu": link.mtu, "endpoint": end_spec(link.end)}
    match link:
        case HostLink() | MgmtLink():
            spec |= {"host-interface": link.host_interface}
        case Macvlan():
            spec |= {"host-interface": link.host_interface, "mode": link.mode}
        case Vxlan():
            spec |= {"remote": link.remote, "vni": link.vni, "dst-port": link.dst_port}
            spec |= {"src-port": link.src_port} if link.src_port else {}
    return spec


def link_type(link: HostLink | MgmtLink | Macvlan | Dummy | Vxlan) -> str:
    """What containerlab calls a link."""
    if isinstance(link, Vxlan):
        return "vxlan-stitch" if link.stitch else "vxlan"
    return {HostLink: "host", MgmtLink: "mgmt-net", Macvlan: "macvlan", Dummy: "dummy"}[type(link)]


def end_spec(end: End) -> Flow:
    """One end; of its addresses, the first of each family, which is all that there is a place for."""
    ipv4 = next((address for address in end.addresses if ":" not in address), "")
    ipv6 = next((address for address in end.addresses if ":" in address), "")
    return Flow({"node": end.node, "interface": end.interface} | with_content(mac=end.mac, ipv4=ipv4, ipv6=ipv6))


def with_content(**items: Any) -> dict[str, Any]:
    """Those of the items that are not empty."""
    return {key: value for key, value in items.items() if value}


def dump(value: dict[str, Any]) -> str:
    """YAML in the order given, without anchors; mappings marked as Flow on one line."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        """YAML as people write it."""

        def ignore_aliases(self, data: Any) -> bool:
            """Equal parts are spelt out."""
            return True

    def on_one_line(dumper: yaml.CSafeDumper, flow: Flow) -> yaml.Node:
        return dumper.represent_mapping("tag:yaml.org,2002:map", flow, flow_style=True)

    Dumper.add_representer(Flow, on_one_line)
    text: str = yaml.dump(value, Dumper=Dumper, sort_keys=False, width=1000, allow_unicode=True)
    return text.replace("$", "$$")  # else containerlab would take what follows for a variable
