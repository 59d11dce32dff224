"""The hosts of a lab that the real containerlab deployed, from the files that it leaves beside one. Pure.

topology-data.json has the most: links, labels and addresses. The inventories have names, addresses and groups. Such
hosts are reached by SSH at their management addresses: closlab has no record of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from automation.inventory.roster import GROUP_LABELS, Entry, Roster, named_role, role_said, runs_frr
from topologies.errors import Mistake
from topologies.files.yaml import load
from topologies.model import Role
from topologies.render.inventory import FRR, LINUX, standing
from topologies.render.places import WHOLE, domain, places

NUMBERS = ("pod", "rail", "plane")


class _Node(msgspec.Struct, frozen=True, rename="kebab"):
    longname: str = ""
    kind: str = ""
    image: str = ""
    group: str = ""
    mgmt_ipv4_address: str = ""
    mgmt_ipv6_address: str = ""
    labels: dict[str, str] = {}


class _End(msgspec.Struct, frozen=True):
    node: str
    interface: str
    mac: str = ""


class _Link(msgspec.Struct, frozen=True):
    """Both shapes: ends are below `endpoints` since containerlab 0.71."""

    endpoints: dict[str, _End] = {}
    a: _End | None = None
    z: _End | None = None

    @property
    def pair(self) -> tuple[_End, _End] | None:
        """Both ends; None for a link that ends in nothing."""
        a, z = self.endpoints.get("a", self.a), self.endpoints.get("z", self.z)
        return (a, z) if a and z else None


class _Data(msgspec.Struct, frozen=True):
    name: str
    nodes: dict[str, _Node]
    links: list[_Link] = []


class _Host(msgspec.Struct, frozen=True):
    hostname: str | None = None
    platform: str | None = None
    groups: list[str] = []


class _Reached(msgspec.Struct, frozen=True):
    ansible_host: str | None = None


class _Child(msgspec.Struct, frozen=True):
    hosts: dict[str, _Reached | None] = {}


class _All(msgspec.Struct, frozen=True):
    children: dict[str, _Child]


class _Ansible(msgspec.Struct, frozen=True):
    all: _All


def of_topology_data(text: str, place: str) -> Roster:
    """The hosts in topology-data.json; raises Mistake where it is none."""
    try:
        data = msgspec.json.decode(text.encode(), type=_Data)
    except msgspec.MsgspecError as error:
        raise Mistake(f"{place}: not containerlab's topology-data.json: {error}") from error
    pairs = [pair for link in data.links if (pair := link.pair)]
    roles = {name: _role(node) for name, node in data.nodes.items()}
    numbers = {name: _numbers(node) for name, node in data.nodes.items()}
    domains = {name: domain(of.get("pod", 0), of.get("plane", 0)) for name, of in numbers.items()}
    stand = places(roles, [(a.node, z.node) for a, z in pairs], domains)
    entries = []
    for name, node in data.nodes.items():
        if node.kind not in ("bridge", "ovs-bridge", "host"):
            known = {**_facts(node), **numbers[name], **standing(stand[name]), **_outside(node)}
            entries.append(_entry(name, node, {**known, "interfaces": _interfaces(name, pairs)}))
    return Roster(tuple(entries), {"fabric": data.name})


def of_nornir(text: str, place: str) -> Roster:
    """The hosts in nornir-simple-inventory.yml."""
    hosts = load(text, place, dict[str, _Host])
    return Roster(tuple(_simple(name, each) for name, each in hosts.items()))


def of_ansible(text: str, place: str) -> Roster:
    """The hosts in ansible-inventory.yml, by their long names; kinds are groups there, as are labels."""
    groups: dict[str, list[str]] = {}
    reached: dict[str, str] = {}
    for group, child in load(text, place, _Ansible).all.children.items():
        for name, host in child.hosts.items():
            groups.setdefault(name, []).append(group)
            reached[name] = (host.ansible_host if host else "") or name
    return Roster(
        tuple(
            Entry(
                name=name,
                hostname=hostname,
                platform=FRR if FRR in groups[name] else LINUX,
                groups=tuple(groups[name]),
                data=_data_of(groups[name]),
            )
            for name, hostname in reached.items()
        )
    )


READERS: Mapping[str, Callable[[str, str], Roster]] = {
    "topology-data.json": of_topology_data,
    "nornir-simple-inventory.yml": of_nornir,
    "ansible-inventory.yml": of_ansible,
}
"""What reads each of containerlab's files, the one that tells most first."""


def _entry(name: str, node: _Node, data: Mapping[str, Any]) -> Entry:
    labelled = [value for key, value in sorted(node.labels.items()) if key.startswith(GROUP_LABELS)]
    numbered = [f"{key}{data[key]}" for key in NUMBERS if key in data]
    groups = dict.fromkeys(each for each in (data.get("role", ""), *numbered, node.group, *labelled) if each)
    return Entry(
        name=name,
        hostname=node.mgmt_ipv4_address or node.mgmt_ipv6_address or node.longname or name,
        platform=FRR if runs_frr(node.kind, node.image) else LINUX if node.kind == LINUX else node.kind,
        groups=tuple(groups),
        data=data,
    )


def _simple(name: str, host: _Host) -> Entry:
    return Entry(
        name=name,
        hostname=host.hostname or name,
        platform=host.platform or LINUX,
        groups=tuple(host.groups),
        data=_data_of(host.groups),
    )


def _data_of(groups: list[str]) -> dict[str, Any]:
    role = named_role(groups)
    return {**({"role": role.value} if role else {}), "failure_domain": WHOLE}


def _role(node: _Node) -> Role | None:
    return role_said(node.labels, node.group)


def _numbers(node: _Node) -> dict[str, int]:
    said = {key: node.labels.get(f"closlab-{key}", "") for key in NUMBERS}
    return {key: int(text) for key, text in said.items() if text.isdecimal()}


def _facts(node: _Node) -> dict[str, Any]:
    role, asn, address = _role(node), node.labels.get("closlab-asn", ""), node.labels.get("closlab-address", "")
    return {
        **({"role": role.value} if role else {}),
        **({"asn": int(asn)} if asn.isdecimal() else {}),
        **({"loopbacks": [address]} if address else {}),
    }


def _outside(node: _Node) -> dict[str, str]:
    known = {"kind": node.kind, "long_name": node.longname}
    addresses = {"mgmt_ipv4": node.mgmt_ipv4_address, "mgmt_ipv6": node.mgmt_ipv6_address}
    return {key: value for key, value in {**known, **addresses}.items() if value}


def _interfaces(name: str, pairs: list[tuple[_End, _End]]) -> list[dict[str, str]]:
    ends = [(own, far) for a, z in pairs for own, far in ((a, z), (z, a)) if own.node == name]
    return [{"name": own.interface, "mac": own.mac, "peer": f"{far.node}:{far.interface}"} for own, far in ends]
