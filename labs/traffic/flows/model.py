"""The nouns of the flow model: a fabric as arrays, its NICs, and the links that flows go over. Values only.

Every cable is two directed links: cable c upwards is link 2c, downwards 2c + 1. Beyond them come two that are none: a
link without limit, for places in a path that are not needed, and one that carries nothing, for flows without a way.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from topologies.model import TIERS, Role

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Flags: TypeAlias = NDArray[np.bool_]
Seeds: TypeAlias = NDArray[np.uint64]

HOST, LEAF = TIERS.index(Role.HOST), TIERS.index(Role.LEAF)
MBPS = 1e6  # bit/s


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Nodes and cables in the order of the fabric that they are from.

    One value a node: `names`, `tiers` (places in TIERS), `seeds` of the flow hash (0 for hosts). One value a cable:
    `lower` and `upper`, the nodes at its ends, and `rates` in bit/s each way.
    """

    names: tuple[str, ...]
    tiers: Ints
    seeds: Seeds
    lower: Ints
    upper: Ints
    rates: Floats

    @property
    def links(self) -> int:
        """How many directed links there are."""
        return 2 * len(self.rates)

    @property
    def spare(self) -> int:
        """The link without limit."""
        return self.links

    @property
    def nowhere(self) -> int:
        """The link that carries nothing."""
        return self.links + 1

    def capacities(self) -> Floats:
        """Of every link, the two that are none included, in bit/s."""
        return np.concatenate([np.repeat(self.rates, 2), [np.inf, 0.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Nics:
    """Every cable of a host, host by host; NIC k of a host is that of its GPU k. One value a NIC in each array.

    `host` and `leaf` count from 0 among the hosts and leaves; `number` is k; `per_host` is how many each host has.
    """

    cable: Ints
    host: Ints
    leaf: Ints
    number: Ints
    per_host: int

    def __len__(self) -> int:
        return len(self.cable)


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """The links that flows go over: a row a hop, a column a flow. `weights`, where a flow is split, say which share of
    it a hop carries (a hop that carries none of it is over the link without limit); None: all of it."""

    links: Ints
    weights: Floats | None = None


def positions(network: Network) -> Ints:
    """Each node's number within its tier, in the order of the nodes."""
    found = np.zeros(len(network.tiers), np.int64)
    for tier in range(len(TIERS)):
        there = network.tiers == tier
        found[there] = np.arange(np.count_nonzero(there))
    return found


def nics(network: Network) -> Nics:
    """The NICs of a network whose hosts all have equally many, as all designs have."""
    place = positions(network)
    cables = np.flatnonzero(network.tiers[network.lower] == HOST)
    cables = cables[np.argsort(place[network.lower[cables]], kind="stable")]
    host = place[network.lower[cables]]
    hosts = int(np.count_nonzero(network.tiers == HOST))
    per_host = len(cables) // hosts if hosts else 1
    return Nics(cables, host, place[network.upper[cables]], np.arange(len(cables)) % per_host, per_host)
