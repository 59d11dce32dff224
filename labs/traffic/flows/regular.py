"""The regular designs as arrays, by index arithmetic from their sizes: for fabrics too large for a value a node. Pure.

The same nodes and cables in the same order as `topologies.designs` lays them, which tests hold it to. Rates in bit/s:
`rate` between switches, `host_rate` between leaf and host.
"""

from collections.abc import Sequence

import numpy as np

from labs.traffic.flows.model import Floats, Ints, Network
from topologies.errors import Mistake
from topologies.model import TIERS, Role
from topologies.planning.identity import hash_seed_of

Part = tuple[Ints, Ints]
"""The lower and the upper node of cables, in the order in which they are laid."""


def leaf_spine(
    *, spines: int, leaves: int, hosts_per_leaf: int, nics: int = 1, rate: float, host_rate: float
) -> Network:
    """Every leaf to every spine. Raises Mistake where hosts do not stand under whole groups of leaves."""
    tops = [f"spine{index}" for index in range(1, spines + 1)]
    bottom = [f"leaf{index}" for index in range(1, leaves + 1)]
    up = _full(spines, leaves, 0, spines)
    down = _hosts(spines, leaves, spines + leaves, hosts_per_leaf, nics)
    return _network(
        [(Role.SPINE, tops), (Role.LEAF, bottom), _named(bottom, hosts_per_leaf)], [up, down], rate, host_rate
    )


def three_tier(
    *,
    pods: int,
    spines_per_pod: int,
    leaves_per_pod: int,
    superspines_per_plane: int,
    hosts_per_leaf: int,
    nics: int = 1,
    rate: float,
    host_rate: float,
) -> Network:
    """Pods of leaf-spine under super-spines in planes. Raises Mistake as `leaf_spine` does."""
    tops = spines_per_pod * superspines_per_plane
    spine, leaf = tops, tops + pods * spines_per_pod
    host = leaf + pods * leaves_per_pod
    parts: list[Part] = []
    for pod in range(pods):
        middle, bottom = spine + pod * spines_per_pod, leaf + pod * leaves_per_pod
        first = host + pod * leaves_per_pod * hosts_per_leaf
        above = np.arange(tops)
        parts.append((middle + above // superspines_per_plane, above))
        parts.append(_full(bottom, leaves_per_pod, middle, spines_per_pod))
        parts.append(_hosts(bottom, leaves_per_pod, first, hosts_per_leaf, nics))
    leaves = [f"pod{pod}-leaf{index}" for pod in range(1, pods + 1) for index in range(1, leaves_per_pod + 1)]
    nodes = [
        (Role.SUPERSPINE, [f"superspine{index}" for index in range(1, tops + 1)]),
        (Role.SPINE, [f"pod{pod}-spine{k}" for pod in range(1, pods + 1) for k in range(1, spines_per_pod + 1)]),
        (Role.LEAF, leaves),
        _named(leaves, hosts_per_leaf),
    ]
    return _network(nodes, parts, rate, host_rate)


def rail(*, pods: int, rails: int, hosts_per_pod: int, spines: int, rate: float, host_rate: float) -> Network:
    """Rail-optimised: NIC k of every host of a pod to that pod's leaf of rail k, every leaf to every spine."""
    leaf, host = spines, spines + pods * rails
    parts: list[Part] = []
    for pod in range(pods):
        bottom = leaf + pod * rails
        hosts = host + pod * hosts_per_pod + np.arange(hosts_per_pod)
        parts.append(_full(bottom, rails, 0, spines))
        parts.append((np.repeat(hosts, rails), np.tile(bottom + np.arange(rails), hosts_per_pod)))
    nodes = [
        (Role.SPINE, [f"spine{index}" for index in range(1, spines + 1)]),
        (Role.LEAF, [f"pod{pod}-rail{k}" for pod in range(1, pods + 1) for k in range(1, rails + 1)]),
        (Role.HOST, [f"pod{pod}-host{index}" for pod in range(1, pods + 1) for index in range(1, hosts_per_pod + 1)]),
    ]
    return _network(nodes, parts, rate, host_rate)


def _full(lower: int, lowers: int, upper: int, uppers: int) -> Part:
    """Every lower node to every upper one, both numbered on from their firsts."""
    return lower + np.repeat(np.arange(lowers), uppers), upper + np.tile(np.arange(uppers), lowers)


def _hosts(leaf: int, leaves: int, host: int, per_leaf: int, nics: int) -> Part:
    """The cables of hosts under groups of `nics` leaves, NIC by NIC within a group (`designs.hosts_of`)."""
    if per_leaf and leaves % nics:
        raise Mistake(f"hosts with {nics} NICs stand under groups of {nics} leaves, and {leaves} is no multiple of it")
    groups = leaves // nics if per_leaf else 0
    group, nic, within = np.meshgrid(np.arange(groups), np.arange(nics), np.arange(nics * per_leaf), indexing="ij")
    home = group * nics + within // max(per_leaf, 1)
    upper = leaf + group * nics + (home + nic) % nics
    return (host + group * nics * per_leaf + within).ravel(), upper.ravel()


def _named(leaves: Sequence[str], per_leaf: int) -> tuple[Role, list[str]]:
    return Role.HOST, [f"{leaf}-host{number}" for leaf in leaves for number in range(1, per_leaf + 1)]


def _network(
    nodes: Sequence[tuple[Role, Sequence[str]]], parts: Sequence[Part], rate: float, host_rate: float
) -> Network:
    sizes = [len(names) for _, names in nodes]
    tiers: Ints = np.repeat([TIERS.index(role) for role, _ in nodes], sizes)
    seeds = [0 if role is Role.HOST else hash_seed_of(name) for role, names in nodes for name in names]
    lower = np.concatenate([part[0] for part in parts])
    rates: Floats = np.where(tiers[lower] == TIERS.index(Role.HOST), host_rate, rate).astype(np.float64)
    return Network(
        tuple(name for _, names in nodes for name in names),
        tiers,
        np.array(seeds, np.uint64),
        lower,
        np.concatenate([part[1] for part in parts]),
        rates,
    )
