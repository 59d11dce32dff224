"""Networks as the flow model sees them, with what tests ask of them."""

import numpy as np
from numpy.typing import NDArray

from labs.traffic.flows.model import LEAF, Network, positions
from topologies.model import Endpoint, Fabric

RATE = 100e9  # bit/s of every cable


def leaves_of(network: Network) -> NDArray[np.int64]:
    """The nodes that are leaves."""
    return np.flatnonzero(network.tiers == LEAF)


def place_of(network: Network, name: str) -> tuple[int, int]:
    """A node's tier, and its number there."""
    at = network.names.index(name)
    return int(network.tiers[at]), int(positions(network)[at])


def cable_at(fabric: Fabric, node: str, interface: str) -> int:
    """The number of the cable at an end."""
    return next(at for at, link in enumerate(fabric.links) if Endpoint(node, interface) in link.ends)
