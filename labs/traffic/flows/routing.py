"""Which ways switches have to each leaf when BGP has converged: the shortest that go up and then down. Pure.

So the plan has them (`topologies.planning.routes`), also with cables or routers gone, which tests hold this to. It is
kept as arrays small enough for a hundred thousand GPUs: switches with the same uplinks choose alike, so they share a
row. From a tier above the leaves at most one way leads down to a leaf, as in all designs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from labs.traffic.flows.model import LEAF, Flags, Ints, Network, positions
from topologies.errors import Mistake

Descent: TypeAlias = NDArray[np.int32]
"""How the switches of a tier go down: `[switch, leaf]` is the cable towards a leaf below, -1 where there is no way."""

Hops: TypeAlias = NDArray[np.int16]
FAR = 100  # hops: no way there


@dataclass(frozen=True, slots=True, eq=False)
class Rise:
    """How the switches of a tier go upwards. Switches, upper switches and leaves by their numbers within their tiers.

    `cables[switch, j]`: uplink j, -1 beyond the last; `uppers`: where it ends. `row[switch]` is the row of what
    follows: `counts[row, leaf]` equal ways there are to a leaf, by the uplinks `order[row, leaf, :count]`, each of
    `hops[row, leaf]`.
    """

    nodes: Ints
    cables: Ints
    uppers: Ints
    row: Ints
    counts: Ints
    order: NDArray[np.int16]
    hops: Hops


@dataclass(frozen=True, slots=True, eq=False)
class Routes:
    """The ways of a network. `rises`: from the leaf tier up to that below the top; `descents`: from the tier above the
    leaves to the top. `lowers`: the node at the lower end of each cable, by its number within its tier. `alive`:
    whether a cable is."""

    rises: tuple[Rise, ...]
    descents: tuple[Descent, ...]
    lowers: Ints
    alive: Flags


def routes(network: Network, dead: Flags | None = None) -> Routes:
    """All ways but by `dead` cables. Raises Mistake where two ways lead down from one switch to a leaf."""
    alive = np.ones(len(network.rates), np.bool_) if dead is None else ~dead
    place = positions(network)
    top = int(network.tiers.max(initial=LEAF))
    leaves = int(np.count_nonzero(network.tiers == LEAF))
    descents: list[Descent] = []
    below = np.arange(leaves), np.arange(leaves)  # pairs: a switch of the tier and a leaf that it reaches downwards
    for tier in range(LEAF + 1, top + 1):
        descents.append(_descent(network, place, alive, tier, below, leaves))
        reaching, reached = np.nonzero(descents[-1] >= 0)
        below = reaching, reached
    rises: list[Rise] = []
    distance = _downwards(descents[-1], top)
    for tier in range(top - 1, LEAF - 1, -1):
        rises.insert(0, rise := _rise(network, place, alive, tier, distance))
        if tier > LEAF:
            distance = np.minimum(_downwards(descents[tier - LEAF - 1], tier), rise.hops[rise.row])
    return Routes(tuple(rises), tuple(descents), place[network.lower], alive)


def _descent(network: Network, place: Ints, alive: Flags, tier: int, below: tuple[Ints, Ints], leaves: int) -> Descent:
    """From a tier down to the leaves: each of its cables leads to all leaves that the switch below it reaches."""
    cables = np.flatnonzero((network.tiers[network.upper] == tier) & alive)
    lower = place[network.lower[cables]]
    reached = np.bincount(below[0], minlength=int(np.count_nonzero(network.tiers == tier - 1)))
    begin = np.cumsum(reached) - reached
    each = np.repeat(np.arange(len(cables)), reached[lower])
    within = np.arange(len(each)) - np.repeat(np.cumsum(reached[lower]) - reached[lower], reached[lower])
    upper, leaf = place[network.upper[cables[each]]], below[1][begin[lower[each]] + within]
    found: Descent = np.full((int(np.count_nonzero(network.tiers == tier)), leaves), -1, np.int32)
    found[upper, leaf] = cables[each]
    if np.count_nonzero(found >= 0) != len(each):
        raise Mistake("a switch has two ways down to the same leaf; in every design it has one")
    return found


def _downwards(descent: Descent, tier: int) -> Hops:
    """How far each leaf is from the switches of a tier, downwards."""
    return np.where(descent >= 0, tier - LEAF, FAR).astype(np.int16)


def _rise(network: Network, place: Ints, alive: Flags, tier: int, above: Hops) -> Rise:
    """From a tier up, by how far each leaf is from the tier above."""
    cables = _uplinks(network, place, alive, tier)
    uppers = np.where(cables < 0, -1, place[network.upper[cables]])
    rows, row = np.unique(uppers, axis=0, return_inverse=True)
    hops = np.where((rows < 0)[:, :, None], np.int16(FAR), above[rows])  # row, uplink, leaf
    least = hops.min(axis=1)
    usable = (hops == least[:, None]) & (least < FAR)[:, None]
    order = np.argsort(~usable, axis=1, kind="stable").astype(np.int16).swapaxes(1, 2)
    nodes = np.flatnonzero(network.tiers == tier)
    hops = np.minimum(least + 1, FAR).astype(np.int16)
    return Rise(nodes, cables, uppers, row.ravel(), usable.sum(axis=1), np.ascontiguousarray(order), hops)


def _uplinks(network: Network, place: Ints, alive: Flags, tier: int) -> Ints:
    """The live uplinks of each switch of a tier, a row a switch, in the order of the cables; -1 beyond the last."""
    there = np.flatnonzero((network.tiers[network.lower] == tier) & alive)
    owner = place[network.lower[there]]
    sort = np.argsort(owner, kind="stable")
    there, owner = there[sort], owner[sort]
    counts = np.bincount(owner, minlength=int(np.count_nonzero(network.tiers == tier)))
    found = np.full((len(counts), int(counts.max(initial=1))), -1, np.int64)
    found[owner, np.arange(len(there)) - (np.cumsum(counts) - counts)[owner]] = there
    return found


def reachable(found: Routes) -> Flags:
    """Whether each leaf (row) has a way to each other (column), or to itself."""
    rise = found.rises[0]
    reached: Flags = rise.counts[rise.row] > 0
    np.fill_diagonal(reached, True)
    return reached


def next_cables(found: Routes, tier: int, switch: int, leaf: int) -> Sequence[int]:
    """The cables over which a switch, by its number within its tier, reaches a leaf: several are equal ways."""
    if tier > LEAF and (down := int(found.descents[tier - LEAF - 1][switch, leaf])) >= 0:
        return (down,)
    if tier - LEAF >= len(found.rises):
        return ()
    rise = found.rises[tier - LEAF]
    row = rise.row[switch]
    return tuple(int(rise.cables[switch, j]) for j in rise.order[row, leaf, : rise.counts[row, leaf]])
