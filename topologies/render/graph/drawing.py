"""What is drawn: boxes in tiers and cables between them, taken from a lab of any origin and from how it stands now."""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from topologies.lab import Lab, LabNode, Veth
from topologies.model import TIERS, Role


class State(StrEnum):
    """How a node or cable stands. A cable that carries packets while its BGP session is down is IMPAIRED."""

    UNKNOWN = "unknown"
    UP = "up"
    IMPAIRED = "impaired"
    DOWN = "down"


class States(Struct, frozen=True):
    """How a running lab stands: nodes by name, cables by either end (`leaf1:eth1`). What is not named is unknown."""

    nodes: Mapping[str, State] = field(default_factory=dict)
    cables: Mapping[str, State] = field(default_factory=dict)


class Box(Struct, frozen=True):
    """A node as drawn. `facts` are lines under its name, the most telling first; `pod` is "" where there are none."""

    name: str
    role: str
    facts: tuple[str, ...]
    pod: str
    state: State


class Cable(Struct, frozen=True):
    """A cable as drawn, between two boxes by name; the interfaces are for its tooltip."""

    a: str
    b: str
    a_interface: str
    b_interface: str
    state: State


class Drawing(Struct, frozen=True):
    """A whole picture: tiers from the top down, boxes from left to right."""

    title: str
    tiers: tuple[tuple[Box, ...], ...]
    cables: tuple[Cable, ...]

    @property
    def roles(self) -> tuple[tuple[str, int], ...]:
        """Each role with its number of boxes, from the top down."""
        counts: dict[str, int] = {}
        for box in self.boxes:
            counts[box.role] = counts.get(box.role, 0) + 1
        return tuple(counts.items())

    @property
    def boxes(self) -> tuple[Box, ...]:
        """All boxes, from the top down."""
        return tuple(box for tier in self.tiers for box in tier)


def drawing(lab: Lab, states: States | None = None) -> Drawing:
    """The picture of a lab; without `states` everything is of unknown state."""
    now = states or States()
    levels = levels_of(lab)
    tiers = tuple(
        tuple(box(node, now) for node in in_pods(lab.nodes) if levels[node.name] == level)
        for level in sorted(set(levels.values()))
    )
    return Drawing(lab.name, tiers, tuple(cable(link, now) for link in lab.links if isinstance(link, Veth)))


def in_pods(nodes: tuple[LabNode, ...]) -> list[LabNode]:
    """Nodes with those of one pod side by side, else in their order."""
    return sorted(nodes, key=lambda node: int(dict(node.labels).get("closlab-pod", "0")))


def box(node: LabNode, now: States) -> Box:
    """One node; facts and pod come from the labels that closlab writes, where it wrote any."""
    labels = dict(node.labels)
    facts = (
        *(f"AS {asn}" for asn in (labels.get("closlab-asn"),) if asn),
        *(address for address in (labels.get("closlab-address"),) if address),
    )
    return Box(
        name=node.name,
        role=role_of(node),
        facts=facts or tuple(text for text in (node.image,) if text),
        pod=labels.get("closlab-pod", ""),
        state=now.nodes.get(node.name, State.UNKNOWN),
    )


def cable(link: Veth, now: States) -> Cable:
    """One cable; its state may be known under either end."""
    state = now.cables.get(str(link.a), now.cables.get(str(link.b), State.UNKNOWN))
    return Cable(link.a.node, link.b.node, link.a.interface, link.b.interface, state)


def role_of(node: LabNode) -> str:
    """The role of a node; in other people's files, the one that its group or name spells, else its kind."""
    if node.role is not None:
        return node.role.value
    return spelt(node.group) or spelt(node.name) or node.kind


def spelt(text: str) -> str:
    """The role that a text spells, "" when none: the last one in it, for leaf1-host1 is a host."""
    bare = text.lower().replace("-", "").replace("_", "")
    ends = {role.value: bare.rfind(role.value) + len(role.value) for role in TIERS if role.value in bare}
    return max(ends, key=lambda role: (ends[role], len(role)), default="")


def levels_of(lab: Lab) -> dict[str, int]:
    """The tier of each node, 0 on top: by its `graph-level` label, else by role, else by distance from the edge."""
    distances = distances_from_edge(lab)
    levels = {node.name: level_of(node, distances[node.name]) for node in lab.nodes}
    order = sorted(set(levels.values()))
    return {name: order.index(level) for name, level in levels.items()}


def level_of(node: LabNode, distance: int) -> tuple[int, int]:
    """A sort key for tiers: labelled ones first, by their number; then all others, the highest first."""
    label = dict(node.labels).get("graph-level", "")
    if label.isdigit():
        return (0, int(label))
    known = {role.value: TIERS.index(role) for role in Role}
    return (1, -known.get(role_of(node), distance))


def distances_from_edge(lab: Lab) -> dict[str, int]:
    """How many cables each node is away from the nodes with the fewest cables; what no cable leads to is at 0."""
    beside: dict[str, set[str]] = {node.name: set() for node in lab.nodes}
    for link in lab.links:
        if isinstance(link, Veth) and link.a.node in beside and link.b.node in beside:
            beside[link.a.node].add(link.b.node)
            beside[link.b.node].add(link.a.node)
    fewest = min((len(near) for near in beside.values() if near), default=0)
    distances = {name: 0 for name, near in beside.items() if len(near) <= fewest}
    edge = list(distances)
    while edge:
        edge = [near for name in edge for near in sorted(beside[name]) if near not in distances]
        reached = 1 + max(distances.values())
        distances.update(dict.fromkeys(edge, reached))
        edge = list(dict.fromkeys(edge))
    return {name: distances.get(name, 0) for name in beside}
