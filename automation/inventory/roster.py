"""The hosts of an inventory as values: of a planned fabric, and of a lab that has no plan. Pure.

What a planned node's data are, `topologies.render.inventory` says: the files that closlab renders have the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from topologies.lab import Lab, LabNode, Veth
from topologies.model import Fabric, Role
from topologies.plan import Plan
from topologies.render.inventory import FRR, LINUX, all_facts, groups, platform, shared, standing
from topologies.render.places import Place, places
from topologies.runtime.model import NodeRecord

GROUP_LABELS = ("ansible-group", "nornir-group")  # where files for containerlab say what a node is for


class Entry(Struct, frozen=True, kw_only=True):
    """One host. `lab` is the running lab that it is a node of, "" where it is reached by its host name."""

    name: str
    hostname: str
    platform: str
    groups: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    lab: str = ""


class Roster(Struct, frozen=True):
    """All hosts, in the order of their lab; `shared` is true of every one."""

    entries: tuple[Entry, ...]
    shared: Mapping[str, Any] = field(default_factory=dict)

    def members(self) -> Mapping[str, Sequence[Entry]]:
        """The hosts of each group."""
        names = dict.fromkeys(name for each in self.entries for name in each.groups)
        return {name: [each for each in self.entries if name in each.groups] for name in names}


class Spoken(Struct, frozen=True):
    """What a running node without a plan tells of itself: whether FRR runs there, and its BGP."""

    frr: bool = False
    asn: int = 0
    neighbors: tuple[Mapping[str, Any], ...] = ()


def of_fabric(fabric: Fabric, plan: Plan) -> Roster:
    """The hosts of a planned fabric, as nodes of a lab of its name."""
    known = all_facts(fabric, plan)
    entries = tuple(
        Entry(
            name=node.name,
            hostname=node.name,
            platform=platform(plan.nodes[node.name]),
            groups=tuple(groups(node)),
            data=known[node.name],
            lab=fabric.name,
        )
        for node in fabric.nodes
    )
    return Roster(entries, shared(fabric, plan))


def of_lab(lab: Lab, spoken: Mapping[str, Spoken] | None = None) -> Roster:
    """The hosts of a lab without a plan: what its file says, and what its nodes tell where it runs."""
    nodes = [node for node in lab.nodes if node.has_processes]
    roles = {node.name: role_of(node) for node in lab.nodes}
    cables = [(link.a.node, link.b.node) for link in lab.links if isinstance(link, Veth)]
    stand = places(roles, cables)
    told = spoken or {}
    entries = tuple(_entry(lab, node, roles[node.name], stand[node.name], told.get(node.name)) for node in nodes)
    return Roster(entries, {"fabric": lab.name})


def located(roster: Roster, nodes: Sequence[NodeRecord]) -> Roster:
    """With the names and addresses that a running lab's nodes have outside of it."""
    records = {node.name: node for node in nodes}
    return replace(roster, entries=tuple(_located(each, records.get(each.name)) for each in roster.entries))


def role_of(node: LabNode) -> Role | None:
    """What a node is for: as closlab says it, or by its group or labels in a file of others'."""
    return node.role or role_said(dict(node.labels), node.group)


def role_said(labels: Mapping[str, str], group: str) -> Role | None:
    """The role that a node's labels or its group name, if any."""
    return named_role((labels.get("closlab-role", ""), group, *(labels.get(key, "") for key in GROUP_LABELS)))


def named_role(words: Iterable[str]) -> Role | None:
    """The first of these words that is a role."""
    return next((Role(each) for each in words if each in set(Role)), None)


def runs_frr(kind: str, image: str) -> bool:
    """Whether a container is a router of FRR, by its kind or the name of its image."""
    return kind == FRR or "frr" in image.lower()


def _entry(lab: Lab, node: LabNode, role: Role | None, place: Place, told: Spoken | None) -> Entry:
    is_router = bool(node.daemons) or runs_frr(node.kind, node.image) or (told is not None and told.frr)
    said = told or Spoken()
    data = {
        **({"role": role.value} if role else {}),
        **standing(place),
        "kind": node.kind,
        **({"asn": said.asn} if said.asn else {}),
        "loopbacks": [address for interface, address in node.addresses if interface == "lo"],
        "interfaces": interfaces(lab, node.name),
        "neighbors": [dict(each) for each in said.neighbors],
    }
    return Entry(
        name=node.name,
        hostname=node.name,
        platform=FRR if is_router else LINUX,
        groups=_groups(node, role),
        data=data,
        lab=lab.name,
    )


def interfaces(lab: Lab, node: str) -> list[dict[str, Any]]:
    """A node's ends of cables between nodes, with where they lead."""
    found = []
    for link in lab.links:
        if isinstance(link, Veth):
            for own, far in ((link.a, link.b), (link.b, link.a)):
                if own.node == node:
                    entry = {"name": own.interface, "mac": own.mac, "mtu": link.mtu}
                    found.append({**entry, "addresses": list(own.addresses), "peer": str(far)})
    return found


def _groups(node: LabNode, role: Role | None) -> tuple[str, ...]:
    labelled = (value for key, value in node.labels if key.startswith(GROUP_LABELS))
    return tuple(dict.fromkeys(name for name in (role.value if role else "", node.group, *labelled) if name))


def _located(entry: Entry, record: NodeRecord | None) -> Entry:
    if record is None:
        return entry
    known = {"long_name": record.long_name, "mgmt_ipv4": record.mgmt_ipv4, "mgmt_ipv6": record.mgmt_ipv6}
    return replace(entry, data={**entry.data, **{key: value for key, value in known.items() if value}})
