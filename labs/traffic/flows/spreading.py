"""The paths of flows: which of several equal ways each takes. Pure.

As the kernel does with `fib_multipath_hash_policy=1`: a flow has a hash that differs from switch to switch by the
switch's seed, and the ways of equal cost have equal parts of its range (RFC 2992, hash-threshold).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

import numpy as np

from labs.traffic.flows.model import Floats, Ints, Network, Nics, Paths, Seeds
from labs.traffic.flows.routing import Routes
from topologies.errors import Mistake

Pick = Callable[[Ints, Ints], Ints]
"""Nodes at which flows are, and how many ways each has there; returns which of them each takes."""


class Spread(StrEnum):
    """How flows are spread over equal ways."""

    HASHED = "hashed"  # each by its hash, with a seed of each switch's own
    POLARISED = "polarised"  # all switches have the same seed, so that one tier chooses as the other did
    SPRAYED = "sprayed"  # packet by packet, ideally: each flow over all its ways alike


@dataclass(frozen=True, slots=True)
class Manner:
    """How transfers become flows: so many queue pairs each (one where they are sprayed), spread so, by this seed."""

    spread: Spread = Spread.HASHED
    qps: int = 1
    seed: int = 0

    @property
    def flows(self) -> int:
        """How many flows a transfer is."""
        return 1 if self.spread is Spread.SPRAYED else self.qps


def spread_named(name: str) -> Spread:
    """The way of that name; raises Mistake with the names there are."""
    if name not in set(Spread):
        raise Mistake(f"--spread: no way {name!r} to spread flows; there are {', '.join(Spread)}")
    return Spread(name)


def paths(network: Network, found: Routes, nics: Nics, source: Ints, destination: Ints, manner: Manner) -> Paths:
    """The paths of transfers between NICs: the flows of the first transfer, then those of the next."""
    source, destination = np.repeat(source, manner.flows), np.repeat(destination, manner.flows)
    ends = _end(network, found, nics.cable[source], 0), _end(network, found, nics.cable[destination], 1)
    leaves = nics.leaf[source], nics.leaf[destination]
    if manner.spread is Spread.SPRAYED:
        return _sprayed(network, found, ends, leaves)
    seeds = network.seeds if manner.spread is Spread.HASHED else np.zeros_like(network.seeds)
    number = np.tile(np.arange(manner.flows), len(source) // manner.flows)
    middle = walk(network, found, *leaves, by_hash(flow_keys(source, destination, number, manner.seed), seeds))
    return Paths(np.concatenate([ends[0][None], middle, ends[1][None]]))


def flow_keys(source: Ints, destination: Ints, number: Ints, seed: int) -> Seeds:
    """64 bits of each flow, from its NICs and its number among the flows between them."""
    key = np.full(len(source), seed, np.uint64)
    for part in (source, destination, number):
        key = mixed(key ^ part.astype(np.uint64))
    return key


def by_hash(keys: Seeds, seeds: Seeds) -> Pick:
    """Choose by a hash of the flow's key and the seed of the node where it is, one value a node in `seeds`."""

    salts = mixed(seeds)

    def pick(nodes: Ints, counts: Ints) -> Ints:
        high = mixed(keys ^ salts[nodes]) >> np.uint64(32)
        return (high * counts.astype(np.uint64) >> np.uint64(32)).astype(np.int64)

    return pick


def mixed(values: Seeds) -> Seeds:
    """SplitMix64: a step and its mixing function (Steele, Lea and Flood, 2014); changes every bit with each."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)


def walk(network: Network, found: Routes, source: Ints, target: Ints, pick: Pick) -> Ints:
    """The links between the leaves `source` and `target` of flows: a row a hop, upwards then downwards."""
    at, rising, lost = source.copy(), source != target, np.zeros(len(source), np.bool_)
    hops = []
    peak = np.zeros(len(source), np.int64)  # how many tiers above the leaves it turns
    for height, rise in enumerate(found.rises, 1):
        row = rise.row[np.where(rising, at, 0)]
        count = np.where(rising, rise.counts[row, target], 1)
        lost |= count == 0
        rising &= count > 0
        here = np.where(rising, at, 0)
        choice = pick(rise.nodes[here], np.maximum(count, 1))
        uplink = rise.order[row, target, np.where(rising, choice, 0)]
        hops.append(np.where(rising, 2 * rise.cables[here, uplink], network.spare))
        at = np.where(rising, rise.uppers[here, uplink], at)
        peak[rising] = height
        rising &= found.descents[height - 1][np.where(rising, at, 0), target] < 0
    for height, descent in reversed(list(enumerate(found.descents, 1))):
        falling = (peak >= height) & ~lost
        cable = np.where(falling, descent[np.where(falling, at, 0), target], 0)
        hops.append(np.where(falling, 2 * cable + 1, network.spare))
        at = np.where(falling, found.lowers[cable], at)
    hops[0] = np.where(lost, network.nowhere, hops[0])
    return np.array(hops, np.int64)


def _end(network: Network, found: Routes, cables: Ints, way: int) -> Ints:
    """The links of hosts' cables, upwards (0) or downwards (1); that which carries nothing where one is dead."""
    return np.where(found.alive[cables], 2 * cables + way, network.nowhere)


def _sprayed(network: Network, found: Routes, ends: tuple[Ints, Ints], leaves: tuple[Ints, Ints]) -> Paths:
    """Every way that there is, each with its share."""
    ways = list(_ways(network, found, *leaves))
    whole = np.ones((1, len(ends[0])))
    links = np.concatenate([ends[0][None], *(way for way, _ in ways), ends[1][None]])
    shares = (np.where(way == network.spare, 0.0, share) for way, share in ways)
    return Paths(links, np.concatenate([whole, *shares, whole]))


def _ways(network: Network, found: Routes, source: Ints, target: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Each combination of choices at the tiers: the links, and the share of each flow that goes there."""
    for digits in product(*(range(rise.cables.shape[1]) for rise in found.rises)):
        share, at_tier = np.ones(len(source)), iter(digits)

        def pick(_: Ints, counts: Ints, share: Floats = share, at_tier: Iterator[int] = at_tier) -> Ints:
            digit = next(at_tier)
            share *= np.where(digit < counts, 1 / counts, 0.0)
            return np.minimum(digit, counts - 1)

        way = walk(network, found, source, target, pick)
        yield np.where(share > 0, way, network.spare), share
