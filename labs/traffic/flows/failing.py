"""What fails: nodes and cables by name, and who is cut off by it. Pure."""

from collections.abc import Iterable, Sequence

import numpy as np

from labs.traffic.flows.model import Flags, Nics
from labs.traffic.flows.routing import Routes, reachable
from topologies.errors import Mistake
from topologies.model import TIERS, Fabric

SHOWN = 8  # names of a kind in a message; of more only the first and the last


def dead_cables(fabric: Fabric, failed: Iterable[str]) -> Flags:
    """The cables that these take with them: nodes, or ends of cables as NODE:IF. Raises Mistake for unknown ones."""
    dead = np.zeros(len(fabric.links), np.bool_)
    for name in failed:
        hit = [at for at, link in enumerate(fabric.links) for end in link.ends if name in (end.node, str(end))]
        if not hit and name not in fabric.by_name:
            raise Mistake(f"--fail: {_there_is(fabric, name)}")
        dead[hit] = True
    return dead


def cut_off(found: Routes, nics: Nics) -> Flags:
    """The NICs that are dead, or reach fewer than half of those of their rail that are not, themselves included."""
    alive: Flags = found.alive[nics.cable]
    reach = reachable(found)
    under = np.zeros((len(reach), nics.per_host), np.int64)
    np.add.at(under, (nics.leaf[alive], nics.number[alive]), 1)
    reached = (reach.astype(np.float64) @ under)[nics.leaf, nics.number]
    gone: Flags = ~alive | (2 * reached < under.sum(axis=0)[nics.number])
    return gone


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
