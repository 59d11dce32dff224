"""What fails: nodes and cables by name, and who is cut off by it. Pure."""

from collections.abc import Iterable, Sequence

import numpy as np

from labs.traffic.flows.model import LEAF, Flags, Ints, Network, Nics
from labs.traffic.flows.routing import Routes, reachable
from topologies.errors import Mistake
from topologies.model import TIERS, Fabric

SHOWN = 8  # names of a kind in a message; of more only the first and the last


def dead_cables(fabric: Fabric, failed: Iterable[str]) -> Flags:
    """Which cables are dead while these are: nodes, or ends of cables as NODE:INTERFACE. Mistake for what there is not."""
    dead = np.zeros(len(fabric.links), np.bool_)
    for name in failed:
        hit = [at for at, link in enumerate(fabric.links) for end in link.ends if name in (end.node, str(end))]
        if not hit and name not in fabric.by_name:
            raise Mistake(f"--fail: {_there_is(fabric, name)}")
        dead[hit] = True
    return dead


def cut_off(before: Routes, after: Routes, nics: Nics, leaves: int) -> Flags:
    """The NICs that reach fewer than half of the others of their rail that they reached before, or are dead."""
    alive = after.alive[nics.cable]
    were, are = _reached(before, nics, before.alive[nics.cable], leaves), _reached(after, nics, alive, leaves)
    return ~alive | (2 * are < were)


def _reached(found: Routes, nics: Nics, alive: Flags, leaves: int) -> Ints:
    """How many others of its rail each NIC reaches, where those that are not alive are reached by none."""
    under = np.zeros((leaves, nics.per_host), np.int64)
    np.add.at(under, (nics.leaf[alive], nics.number[alive]), 1)
    return (reachable(found).astype(np.int64) @ under)[nics.leaf, nics.number] - 1


def leaf_count(network: Network) -> int:
    """How many leaves there are."""
    return int(np.count_nonzero(network.tiers == LEAF))


def _there_is(fabric: Fabric, name: str) -> str:
    """What is wrong with a name, and what there is instead."""
    node, colon, _ = name.partition(":")
    if colon and node in fabric.by_name:
        ends = [end.interface for link in fabric.links for end in link.ends if end.node == node]
        return f"{node} has no cable at {name!r}; it has {_few(ends)}"
    kinds = ([each.name for each in fabric.nodes if each.role is role] for role in reversed(TIERS))
    return f"no node or end of a cable {name!r}; there is {', '.join(_few(names) for names in kinds if names)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= SHOWN else f"{names[0]} to {names[-1]} ({len(names)})"
