"""A fabric as arrays: from the `Fabric` and `Plan` that everything else uses. Pure."""

import numpy as np

from labs.traffic.flows.model import MBPS, Network, Seeds
from topologies.model import TIERS, Fabric, Role
from topologies.plan import Plan


def network_of(fabric: Fabric, plan: Plan, default_mbps: float) -> Network:
    """Nodes and cables as they are; the hash seeds are the plan's. `default_mbps`: rate of cables that have none."""
    number = {node.name: at for at, node in enumerate(fabric.nodes)}
    rates = [default_mbps if link.rate_mbps is None else link.rate_mbps for link in fabric.links]
    return Network(
        names=tuple(number),
        tiers=np.array([TIERS.index(node.role) for node in fabric.nodes], np.int64),
        seeds=_seeds(fabric, plan),
        lower=np.array([number[link.a.node] for link in fabric.links], np.int64),
        upper=np.array([number[link.b.node] for link in fabric.links], np.int64),
        rates=np.array(rates, np.float64) * MBPS,
    )


def _seeds(fabric: Fabric, plan: Plan) -> Seeds:
    seeds = [0 if node.role is Role.HOST else plan.nodes[node.name].hash_seed for node in fabric.nodes]
    return np.array(seeds, np.uint64)
