"""Where the faults of a scenario hit: names become nodes and cables of its fabric, `any` is chosen by the seed. Pure.

A choice depends on the seed, the step's name and the key alone, so a step that is added or moved changes no other.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from labs.chaos.faults.model import (
    AclDrop,
    AnyFault,
    LossyRail,
    ManagementCut,
    PowerCut,
    SlowReceiver,
    SwappedCables,
    WrongAsn,
    WrongStatic,
)
from topologies.errors import Mistake
from topologies.files.complaint import nearest
from topologies.model import Fabric, Link, Role

ANY = "any "
ROLES = {f"{ANY}{role.value}": role for role in Role}
UPLINK, HOST_LINK = f"{ANY}uplink", f"{ANY}host-link"

T = TypeVar("T")


def settle_places(steps: Sequence[AnyFault], fabric: Fabric, seed: int) -> tuple[AnyFault, ...]:
    """The steps with every place a node, or a cable's end as NODE:INTERFACE. Mistake for what the fabric lacks."""
    return tuple(_settled(step, fabric, seed) for step in steps)


def chosen(seed: int, step: str, key: str, candidates: Sequence[T]) -> T:
    """One of the candidates: the same one for the same seed, step and key, in every version of Python."""
    digest = hashlib.sha256(f"{seed}/{step}/{key}".encode()).digest()
    return candidates[int.from_bytes(digest[:8], "big") % len(candidates)]


def hit(step: AnyFault, fabric: Fabric) -> tuple[str, ...]:
    """The nodes, or the ends of cables, that a settled fault is for; () where it is for all."""
    match step:
        case PowerCut():
            return cut_off(step, fabric)
        case ManagementCut():
            return unmanaged(step, fabric)
        case LossyRail():
            return rail_cables(fabric, step.rail)
        case SwappedCables():
            return tuple(f"{step.node}:{each}" for each in step.interfaces)
        case SlowReceiver():
            return (receiver(step, fabric),)
    place = getattr(step, "link", "") or getattr(step, "node", "") or getattr(step, "host", "")
    return (place,) if place else ()


def rail_cables(fabric: Fabric, rail: int) -> tuple[str, ...]:
    """Every cable of a rail's leaves, by the end at the leaf."""
    leaves = {node.name for node in fabric.nodes if node.role is Role.LEAF and node.rail == rail}
    return tuple(str(end) for link in fabric.links for end in link.ends if end.node in leaves)


def far_end(end: str, fabric: Fabric) -> str:
    """The other end of a cable, as NODE:INTERFACE; raises Mistake where none ends there."""
    for link in fabric.links:
        for near, far in (link.ends, link.ends[::-1]):
            if str(near) == end:
                return str(far)
    raise Mistake(f"no cable ends at {end}")


def _settled(step: AnyFault, fabric: Fabric, seed: int) -> AnyFault:
    place = f"step {step.name!r}"
    changes: dict[str, str] = {}
    if hasattr(step, "node") and not (isinstance(step, ManagementCut) and not step.node):
        changes["node"] = _node(step.node, fabric, seed, step.name, place)
    if hasattr(step, "link"):
        changes["link"] = _cable(step.link, fabric, seed, step.name, place)
    done: AnyFault = replace(step, **changes)
    _refuse(done, fabric, place)
    return done


def _node(name: str, fabric: Fabric, seed: int, step: str, place: str) -> str:
    if name in ROLES:
        found = [node.name for node in fabric.nodes if node.role is ROLES[name]]
        if not found:
            raise Mistake(f"{place}: node: the fabric has no {ROLES[name].value}")
        return chosen(seed, step, "node", found)
    if name.startswith(ANY):
        raise Mistake(f"{place}: node: {name!r} is not known; there are {', '.join(ROLES)}")
    return _known(name, fabric, f"{place}: node")


def _known(name: str, fabric: Fabric, place: str) -> str:
    if name not in fabric.by_name:
        near = nearest(name, fabric.by_name)
        raise Mistake(f"{place}: no node {name!r}{near}; there are {', '.join(fabric.by_name)}")
    return name


def _cable(name: str, fabric: Fabric, seed: int, step: str, place: str) -> str:
    if name in (UPLINK, HOST_LINK):
        found = [str(link.a) for link in fabric.links if _to_host(link, fabric) == (name == HOST_LINK)]
        if not found:
            raise Mistake(f"{place}: link: the fabric has no cable that is {name.removeprefix(ANY)}")
        return chosen(seed, step, "link", found)
    if name.startswith(ANY):
        raise Mistake(f"{place}: link: {name!r} is not known; there are {UPLINK}, {HOST_LINK}")
    ends = {str(end) for link in fabric.links for end in link.ends}
    return name if name in ends else _between(name, fabric, place)


def _between(name: str, fabric: Fabric, place: str) -> str:
    """The near end of the first cable between two nodes, written NODE-NODE."""
    for link in fabric.links:
        for near, far in (link.ends, link.ends[::-1]):
            if name == f"{near.node}-{far.node}":
                return str(near)
    ends = sorted({str(end) for link in fabric.links for end in link.ends})
    near_miss = nearest(name, ends)
    raise Mistake(f"{place}: link: no cable {name!r}{near_miss}; a cable is NODE:INTERFACE or NODE-NODE")


def _to_host(link: Link, fabric: Fabric) -> bool:
    return fabric.by_name[link.a.node].role is Role.HOST


def _refuse(step: AnyFault, fabric: Fabric, place: str) -> None:
    """Raise Mistake for what names something that the fabric has not, or says too little or too much."""
    for key in ("peer", "to", "of"):
        if name := getattr(step, key, ""):
            _known(name, fabric, f"{place}: {key}")
    match step:
        case WrongAsn():
            _refuse_stranger(step.node, step.peer, fabric, place)
        case AclDrop() if bool(step.to) == bool(step.queue_pair):
            raise Mistake(f"{place}: say either `to` or `queue_pair`")
        case PowerCut():
            cut_off(step, fabric)
        case ManagementCut():
            unmanaged(step, fabric)
        case SlowReceiver():
            receiver(step, fabric)
        case LossyRail() if not rail_cables(fabric, step.rail):
            rails = sorted({str(node.rail) for node in fabric.nodes if node.rail})
            raise Mistake(f"{place}: rail: no rail {step.rail}; there are {', '.join(rails) or 'none'}")
        case SwappedCables():
            for interface in step.interfaces:
                _refuse_port(step.node, interface, fabric, place)
            if step.interfaces[0] == step.interfaces[1]:
                raise Mistake(f"{place}: interfaces: a cable cannot change places with itself")
        case WrongStatic():
            _refuse_port(step.node, step.interface, fabric, place)


def _refuse_port(node: str, interface: str, fabric: Fabric, place: str) -> None:
    ports = [end.interface for link in fabric.links for end in link.ends if end.node == node]
    if interface not in ports:
        raise Mistake(f"{place}: {node} has no interface {interface!r}; there are {', '.join(ports)}")


def _refuse_stranger(node: str, peer: str, fabric: Fabric, place: str) -> None:
    ends = [link.ends for link in fabric.links]
    beside = sorted({far.node for a, b in ends for near, far in ((a, b), (b, a)) if near.node == node})
    if peer not in beside:
        raise Mistake(f"{place}: peer: {node} has no cable to {peer}; it has to {', '.join(beside)}")


def cut_off(step: PowerCut, fabric: Fabric) -> tuple[str, ...]:
    """The nodes that a power cut hits; raises Mistake where the fabric has none of the kind."""
    place = f"step {step.name!r}"
    if [bool(step.rack), bool(step.plane), bool(step.nodes)].count(True) != 1:
        raise Mistake(f"{place}: say one of `rack`, `plane` and `nodes`")
    if step.nodes:
        return tuple(_known(name, fabric, f"{place}: nodes") for name in step.nodes)
    if step.plane:
        found = tuple(node.name for node in fabric.nodes if node.plane == step.plane)
        if not found:
            raise Mistake(f"{place}: plane: the fabric has no plane {step.plane}; planes are of the design three-tier")
        return found
    rack = _known(step.rack, fabric, f"{place}: rack")
    if fabric.by_name[rack].role is not Role.LEAF:
        raise Mistake(f"{place}: rack: a rack is named by its leaf, and {rack} is a {fabric.by_name[rack].role.value}")
    hosts = [link.a.node for link in fabric.links if link.b.node == rack and _to_host(link, fabric)]
    return (rack, *dict.fromkeys(hosts))


def receiver(step: SlowReceiver, fabric: Fabric) -> str:
    """The end of the cable that is a host's."""
    for end in (step.link, far_end(step.link, fabric)):
        if fabric.by_name[end.partition(":")[0]].role is Role.HOST:
            return end
    raise Mistake(f"step {step.name!r}: link: no host is at {step.link}; a receiver is a host's NIC")


def unmanaged(step: ManagementCut, fabric: Fabric) -> tuple[str, ...]:
    """The nodes that lose their management network; all where the step names none."""
    place = f"step {step.name!r}"
    if step.node and step.nodes:
        raise Mistake(f"{place}: say `node`, or `nodes`, or neither for all")
    named = (step.node,) if step.node else step.nodes
    return tuple(_known(name, fabric, f"{place}: nodes") for name in named) or tuple(fabric.by_name)
