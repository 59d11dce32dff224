"""Which ways switches have to each leaf when BGP has converged: the shortest that go up and then down. Pure.

So the plan has them (`topologies.planning.routes`), also with cables or routers gone, which tests hold this to. It is
kept as arrays small enough for a hundred thousand GPUs: switches with the same uplinks choose alike, so they share a
row. From a tier above the leaves at most one way leads down to a leaf, as in all designs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labs.traffic.flows.model import LEAF, Flags, Ints, Network, positions
from topologies.errors import Mistake

FAR = 100  # hops: no way there


@dataclass(frozen=True, slots=True, eq=False)
class Rise:
    """How the switches of a tier go upwards. Switches, upper switches and leaves by their numbers within their tiers.

    `cables[switch, j]`: uplink j, -1 beyond the last; `uppers`: where it ends. `row[switch]` is the row of what
    follows: `counts[row, leaf]` equal ways there are to a leaf, by the uplinks `order[row, leaf, :count]`.
    """

    nodes: Ints
    cables: Ints
    uppers: Ints
    row: Ints
    counts: Ints
    order: NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """How the switches of a tier go down: `cables[switch, leaf]` towards a leaf below, -1 where there is no way."""

    cables: NDArray[np.int32]


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
    """All ways, without the cables that are `dead`. Raises Mistake where two ways lead down from one switch to a leaf."""
    alive = np.ones(len(network.rates), np.bool_) if dead is None else ~dead
    place = positions(network)
    top = int(network.tiers.max(initial=LEAF))
    leaves = int(np.count_nonzero(network.tiers == LEAF))
    own = np.full((leaves, leaves), FAR, np.int16)
    np.fill_diagonal(own, 0)
    descents: list[Descent] = []
    below = [own]  # of each tier: how far down it is to each leaf
    for tier in range(LEAF + 1, top + 1):
        descent, far = _descent(network, place, alive, tier, below[-1])
        descents.append(descent)
        below.append(far)
    rises: list[Rise] = []
    distance = below[-1]
    for tier in range(top - 1, LEAF - 1, -1):
        rise, distance = _rise(network, place, alive, tier, distance, below[tier - LEAF])
        rises.insert(0, rise)
    return Routes(tuple(rises), tuple(descents), place[network.lower], alive)


def _descent(
    network: Network, place: Ints, alive: Flags, tier: int, below: NDArray[np.int16]
) -> tuple[Descent, NDArray[np.int16]]:
    """From a tier down to the leaves, and how far it is, from what the tier below it reaches."""
    switches = int(np.count_nonzero(network.tiers == tier))
    found = np.full((switches, below.shape[1]), -1, np.int32)
    far = np.full(found.shape, FAR, np.int16)
    for cable in np.flatnonzero((network.tiers[network.upper] == tier) & alive):
        upper, lower = place[network.upper[cable]], place[network.lower[cable]]
        there = np.flatnonzero(below[lower] < FAR)
        if (found[upper, there] >= 0).any():
            raise Mistake(f"{network.names[network.upper[cable]]} has two ways down to a leaf; a design has one")
        found[upper, there], far[upper, there] = cable, below[lower, there] + 1
    return Descent(found), far


def _rise(
    network: Network, place: Ints, alive: Flags, tier: int, above: NDArray[np.int16], below: NDArray[np.int16]
) -> tuple[Rise, NDArray[np.int16]]:
    """From a tier up, and how far each leaf is from it, from how far it is from the tier above."""
    nodes = np.flatnonzero(network.tiers == tier)
    cables = _uplinks(network, place, alive, tier)
    uppers = np.where(cables < 0, -1, place[network.upper[cables]])
    rows, row = np.unique(uppers, axis=0, return_inverse=True)
    row = row.ravel()
    hops = np.where((rows < 0)[:, :, None], np.int16(FAR), above[rows])  # row, uplink, leaf
    least = hops.min(axis=1, initial=FAR)
    usable = (hops == least[:, None]) & (least < FAR)[:, None]
    order = np.argsort(~usable, axis=1, kind="stable").astype(np.int16).swapaxes(1, 2)
    rise = Rise(nodes, cables, uppers, row, usable.sum(axis=1), np.ascontiguousarray(order))
    return rise, np.where(below < FAR, below, np.minimum(least[row] + 1, FAR).astype(np.int16))


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
    if tier > LEAF and (down := int(found.descents[tier - LEAF - 1].cables[switch, leaf])) >= 0:
        return (down,)
    if tier - LEAF >= len(found.rises):
        return ()
    rise = found.rises[tier - LEAF]
    row = rise.row[switch]
    return tuple(int(rise.cables[switch, j]) for j in rise.order[row, leaf, : rise.counts[row, leaf]])
