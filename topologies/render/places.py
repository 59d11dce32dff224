"""Where nodes stand: what shares a rack, what stands in for each other, what fails together. Pure.

It follows from roles and cables alone, so that it can be told of a fabric and of a containerlab file alike.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from topologies.model import TIERS, Fabric, Role

WHOLE = "fabric"  # the failure domain of what is in no pod and no plane
FEW = 3  # members of a group that its name spells out

Cable = tuple[str, str]


class Place(Struct, frozen=True):
    """`rack` is the leaf that a node hangs on first, or is; `redundancy_group` those that must not be down together
    ("" for a node that nobody stands in for); `failure_domain` the pod or plane."""

    rack: str = ""
    redundancy_group: str = ""
    failure_domain: str = WHOLE


def of_fabric(fabric: Fabric) -> Mapping[str, Place]:
    """The place of every node of a fabric."""
    roles = {node.name: node.role for node in fabric.nodes}
    domains = {node.name: domain(node.pod, node.plane) for node in fabric.nodes}
    return places(roles, [(link.a.node, link.b.node) for link in fabric.links], domains)


def domain(pod: int, plane: int) -> str:
    """The failure domain of a node: its pod, else its plane, else the whole fabric."""
    return f"pod{pod}" if pod else f"plane{plane}" if plane else WHOLE


def places(
    roles: Mapping[str, Role | None], cables: Sequence[Cable], domains: Mapping[str, str] | None = None
) -> Mapping[str, Place]:
    """The place of every node, by the cables between tiers, each node's in the order of its interfaces."""
    above = uplinks(roles, cables)
    groups = redundancy(above)
    return {
        name: Place(_rack(name, role, above), groups.get(name, ""), (domains or {}).get(name, WHOLE))
        for name, role in roles.items()
    }


def uplinks(roles: Mapping[str, Role | None], cables: Iterable[Cable]) -> Mapping[str, Sequence[str]]:
    """The nodes of the next higher tiers that each node hangs on, each once."""
    found: dict[str, dict[str, None]] = {}
    for a, b in cables:
        for lower, upper in ((a, b), (b, a)):
            if _height(roles.get(lower)) < _height(roles.get(upper)) and roles.get(lower) is not None:
                found.setdefault(lower, {})[upper] = None
    return {name: tuple(upper) for name, upper in found.items()}


def redundancy(above: Mapping[str, Sequence[str]]) -> Mapping[str, str]:
    """The group of each node that something below has another way around; groups that share a member are one."""
    groups: list[set[str]] = []
    for uppers in above.values():
        if len(uppers) > 1:
            touching = [group for group in groups if group & set(uppers)]
            groups = [group for group in groups if group not in touching]
            groups.append(set(uppers).union(*touching))
    order = {name: at for at, name in enumerate(dict.fromkeys(name for uppers in above.values() for name in uppers))}
    named = [sorted(group, key=order.__getitem__) for group in groups]
    return {name: group_name(group) for group in named for name in group}


def group_name(members: Sequence[str]) -> str:
    """All members where they are few, else the first and the last."""
    return "+".join(members) if len(members) <= FEW else f"{members[0]}..{members[-1]}"


def _rack(name: str, role: Role | None, above: Mapping[str, Sequence[str]]) -> str:
    if role is Role.LEAF:
        return name
    return next(iter(above.get(name, ())), "") if role is Role.HOST else ""


def _height(role: Role | None) -> int:
    return -1 if role is None else TIERS.index(role)
